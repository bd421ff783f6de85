"""SAM of any size from its weights: the architecture is inferred from their shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
from torch import Tensor, nn

MODEL_TYPES = {(768, 12): "vit_b", (1024, 24): "vit_l", (1280, 32): "vit_h"}  # by width and depth of the encoder
OTHER = "other"
DECODER_HEADS = 8
MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]  # of the channels of images in [0, 255]


@dataclass(frozen=True)
class Form:
    """Architecture of a SAM."""

    width: int  # of the image encoder
    depth: int
    heads: int
    mlp_ratio: float
    patch: int
    image_size: int  # in pixels
    window: int  # side of the attention windows in patches; 0 for global attention only
    global_blocks: tuple[int, ...]  # blocks with global attention
    channels: int  # of the image embedding, and of the decoder
    mask_channels: int
    decoder_depth: int
    decoder_mlp: int
    decoder_downsampling: int  # of the width in its attention
    masks: int  # number of masks for an ambiguous prompt
    iou_depth: int
    iou_hidden: int

    @property
    def model_type(self) -> str:
        """ "vit_b", "vit_l", "vit_h", or "other"."""
        return MODEL_TYPES.get((self.width, self.depth), OTHER)


def form_of(state: Mapping[str, Tensor]) -> Form:
    """Infer the architecture of a SAM from the shapes of its weights.

    The number of heads follows from the relative positions, which have the dimension of one head; a block is global if
    its positions cover the whole image.

    Args:
        state: state dict of a `segment_anything.modeling.Sam` with absolute and relative positions.

    Raises:
        ValueError: a weight is missing; the message names it.
    """
    try:
        return _form_of(state)
    except KeyError as error:
        raise ValueError(
            f"these are not weights of SAM: {error.args[0]} is missing; published are for example sam_vit_b_01ec64.pth"
        ) from None


def _form_of(state: Mapping[str, Tensor]) -> Form:
    width, _, patch, _ = state["image_encoder.patch_embed.proj.weight"].shape
    grid = state["image_encoder.pos_embed"].shape[1]
    depth = _count(state, "image_encoder.blocks.")
    spans = [(len(state[f"image_encoder.blocks.{block}.attn.rel_pos_h"]) + 1) // 2 for block in range(depth)]
    transformer = "mask_decoder.transformer.layers"
    query = state[f"{transformer}.0.cross_attn_token_to_image.q_proj.weight"]
    return Form(
        width=width,
        depth=depth,
        heads=width // state["image_encoder.blocks.0.attn.rel_pos_h"].shape[1],
        mlp_ratio=len(state["image_encoder.blocks.0.mlp.lin1.weight"]) / width,
        patch=patch,
        image_size=grid * patch,
        window=min(spans) if min(spans) < grid else 0,
        global_blocks=tuple(block for block, span in enumerate(spans) if span == grid),
        channels=len(state["image_encoder.neck.0.weight"]),
        mask_channels=len(state["prompt_encoder.mask_downscaling.3.weight"]),
        decoder_depth=_count(state, f"{transformer}."),
        decoder_mlp=len(state[f"{transformer}.0.mlp.lin1.weight"]),
        decoder_downsampling=query.shape[1] // query.shape[0],
        masks=len(state["mask_decoder.mask_tokens.weight"]) - 1,
        iou_depth=_count(state, "mask_decoder.iou_prediction_head.layers."),
        iou_hidden=len(state["mask_decoder.iou_prediction_head.layers.0.weight"]),
    )


def _count(state: Mapping[str, Tensor], prefix: str) -> int:
    numbers = {key.removeprefix(prefix).split(".")[0] for key in state if key.startswith(prefix)}
    if not numbers:
        raise KeyError(f"{prefix}0")
    return len(numbers)


def build(form: Form, *, decoder_heads: int = DECODER_HEADS) -> Sam:
    """Build a SAM with random weights, in evaluation mode, from the modules of `segment_anything`.

    Args:
        form: architecture.
        decoder_heads: attention heads of the decoder, which no shape tells; 8 in all published models.

    Raises:
        ValueError: `decoder_heads` does not divide the width of the decoder's attention.
    """
    if (form.channels // form.decoder_downsampling) % decoder_heads:
        raise ValueError(
            f"{decoder_heads} heads do not divide the {form.channels // form.decoder_downsampling} channels of the "
            "decoder's attention: set `decoder_heads` to the number that this SAM was trained with"
        )
    grid = form.image_size // form.patch
    encoder = ImageEncoderViT(
        img_size=form.image_size,
        patch_size=form.patch,
        embed_dim=form.width,
        depth=form.depth,
        num_heads=form.heads,
        mlp_ratio=form.mlp_ratio,
        out_chans=form.channels,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=form.window,
        global_attn_indexes=form.global_blocks,
    )
    prompts = PromptEncoder(
        embed_dim=form.channels,
        image_embedding_size=(grid, grid),
        input_image_size=(form.image_size, form.image_size),
        mask_in_chans=form.mask_channels,
    )
    transformer = TwoWayTransformer(
        depth=form.decoder_depth,
        embedding_dim=form.channels,
        num_heads=decoder_heads,
        mlp_dim=form.decoder_mlp,
        attention_downsample_rate=form.decoder_downsampling,
    )
    decoder = MaskDecoder(
        transformer_dim=form.channels,
        transformer=transformer,
        num_multimask_outputs=form.masks,
        iou_head_depth=form.iou_depth,
        iou_head_hidden_dim=form.iou_hidden,
    )
    return Sam(encoder, prompts, decoder, MEAN, STD).eval()


def build_from(state: Mapping[str, Tensor], *, decoder_heads: int = DECODER_HEADS) -> tuple[Sam, Form]:
    """Build the SAM of these weights and load them.

    Raises:
        ValueError: a weight is missing, unexpected or of another shape; the message names it.
    """
    form = form_of(state)
    with torch.device("meta"):
        expected = {key: tensor.shape for key, tensor in build(form, decoder_heads=decoder_heads).state_dict().items()}
    wrong = sorted(key for key in expected.keys() | state.keys() if expected.get(key) != _shape(state, key))
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise ValueError(
            f"the weights are inconsistent: {', '.join(wrong[:5])}{more} missing, unexpected or of another shape "
            f"than a SAM of width {form.width} and depth {form.depth} has; are they complete, and of the first SAM?"
        )
    model = build(form, decoder_heads=decoder_heads)
    model.load_state_dict(dict(state))
    return model, form


def _shape(state: Mapping[str, Tensor], key: str) -> torch.Size | None:
    return state[key].shape if key in state else None
