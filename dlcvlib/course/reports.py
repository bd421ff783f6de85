"""Reports that the book starts from."""

REPORTS = {
    "R1": "BYOL, a small CNN and DeepLabV3",
    "R2": "DenseNet, ConvNeXt and a ResNet101-FCN",
    "R3": "DINO, and U-Net with a skip dropped",
    "R4": "VGG13, BEiT and the focal loss",
    "R5": "FCN32s and FCN8s, and a gradient by hand",
    "ours": "what this book trains to do better",
}
"""The five reports by students, and our own systems beside them."""
