# Answers to the exercises of chapter 5, right and wrong ones. Never handed out.

# %%
import torch
from torch.nn import functional

# %% right: dino_loss, pair by pair


def dino_loss(student, teacher, center, teacher_temp=0.04, student_temp=0.1):
    probs = ((teacher.detach() - center) / teacher_temp).softmax(-1)
    log_probs = (student / student_temp).log_softmax(-1)
    losses = []
    for t in range(2):
        for s in range(len(student)):
            if s != t:
                losses.append(-(probs[t] * log_probs[s]).sum(-1).mean())
    return sum(losses) / len(losses)


# %% right: dino_loss, all pairs at once


def dino_loss(student, teacher, center, teacher_temp=0.04, student_temp=0.1):
    with torch.no_grad():
        probs = functional.softmax((teacher - center) / teacher_temp, dim=2)
    log_probs = functional.log_softmax(student / student_temp, dim=2)
    pairs = -torch.einsum("tnk,snk->tsn", probs, log_probs).mean(2)
    same = torch.eye(2, len(student), dtype=torch.bool)
    return pairs[~same].mean()


# %% right: dino_loss, with cross_entropy


def dino_loss(student, teacher, center, teacher_temp=0.04, student_temp=0.1):
    total, pairs = 0, 0
    for index, scores in enumerate(teacher.detach()):
        target = torch.softmax((scores - center) / teacher_temp, 1)
        for other, logits in enumerate(student):
            if other == index:
                continue
            total = total + functional.cross_entropy(logits / student_temp, target)
            pairs += 1
    return total / pairs


# %% wrong: dino_loss, view_against_itself


def dino_loss(student, teacher, center, teacher_temp=0.04, student_temp=0.1):
    probs = ((teacher.detach() - center) / teacher_temp).softmax(-1)
    log_probs = (student / student_temp).log_softmax(-1)
    losses = []
    for t in range(2):
        for s in range(len(student)):
            losses.append(-(probs[t] * log_probs[s]).sum(-1).mean())
    return sum(losses) / len(losses)


# %% wrong: dino_loss, student_centred


def dino_loss(student, teacher, center, teacher_temp=0.04, student_temp=0.1):
    probs = ((teacher.detach() - center) / teacher_temp).softmax(-1)
    log_probs = ((student - center) / student_temp).log_softmax(-1)
    losses = []
    for t in range(2):
        for s in range(len(student)):
            if s != t:
                losses.append(-(probs[t] * log_probs[s]).sum(-1).mean())
    return sum(losses) / len(losses)


# %% wrong: dino_loss, teacher_not_centred


def dino_loss(student, teacher, center, teacher_temp=0.04, student_temp=0.1):
    probs = (teacher.detach() / teacher_temp).softmax(-1)
    log_probs = (student / student_temp).log_softmax(-1)
    losses = []
    for t in range(2):
        for s in range(len(student)):
            if s != t:
                losses.append(-(probs[t] * log_probs[s]).sum(-1).mean())
    return sum(losses) / len(losses)


# %% wrong: dino_loss, one_temperature


def dino_loss(student, teacher, center, teacher_temp=0.04, student_temp=0.1):
    probs = ((teacher.detach() - center) / student_temp).softmax(-1)
    log_probs = (student / student_temp).log_softmax(-1)
    losses = []
    for t in range(2):
        for s in range(len(student)):
            if s != t:
                losses.append(-(probs[t] * log_probs[s]).sum(-1).mean())
    return sum(losses) / len(losses)


# %% wrong: dino_loss, gradient_into_teacher


def dino_loss(student, teacher, center, teacher_temp=0.04, student_temp=0.1):
    probs = ((teacher - center) / teacher_temp).softmax(-1)
    log_probs = (student / student_temp).log_softmax(-1)
    losses = []
    for t in range(2):
        for s in range(len(student)):
            if s != t:
                losses.append(-(probs[t] * log_probs[s]).sum(-1).mean())
    return sum(losses) / len(losses)


# %% wrong: dino_loss, local_views_teach


def dino_loss(student, teacher, center, teacher_temp=0.04, student_temp=0.1):
    targets = torch.cat([teacher, student[2:]]).detach()
    probs = ((targets - center) / teacher_temp).softmax(-1)
    log_probs = (student / student_temp).log_softmax(-1)
    losses = []
    for t in range(len(targets)):
        for s in range(len(student)):
            if s != t:
                losses.append(-(probs[t] * log_probs[s]).sum(-1).mean())
    return sum(losses) / len(losses)


# %% wrong: dino_loss, only_global_views


def dino_loss(student, teacher, center, teacher_temp=0.04, student_temp=0.1):
    probs = ((teacher.detach() - center) / teacher_temp).softmax(-1)
    log_probs = (student / student_temp).log_softmax(-1)
    forth = -(probs[0] * log_probs[1]).sum(-1).mean()
    back = -(probs[1] * log_probs[0]).sum(-1).mean()
    return (forth + back) / 2


# %% wrong: dino_loss, wrong_number_of_pairs


def dino_loss(student, teacher, center, teacher_temp=0.04, student_temp=0.1):
    probs = ((teacher.detach() - center) / teacher_temp).softmax(-1)
    log_probs = (student / student_temp).log_softmax(-1)
    total = 0
    for t in range(2):
        for s in range(len(student)):
            if s != t:
                total = total - (probs[t] * log_probs[s]).sum(-1).mean()
    return total / (len(teacher) * len(student))


# %% wrong: dino_loss, roles_exchanged


def dino_loss(student, teacher, center, teacher_temp=0.04, student_temp=0.1):
    log_probs = ((teacher.detach() - center) / teacher_temp).log_softmax(-1)
    probs = (student / student_temp).softmax(-1)
    losses = []
    for t in range(2):
        for s in range(len(student)):
            if s != t:
                losses.append(-(probs[s] * log_probs[t]).sum(-1).mean())
    return sum(losses) / len(losses)


# %% wrong: dino_loss, summed


def dino_loss(student, teacher, center, teacher_temp=0.04, student_temp=0.1):
    probs = ((teacher.detach() - center) / teacher_temp).softmax(-1)
    log_probs = (student / student_temp).log_softmax(-1)
    losses = []
    for t in range(2):
        for s in range(len(student)):
            if s != t:
                losses.append(-(probs[t] * log_probs[s]).sum())
    return sum(losses) / len(losses)


# %% wrong: dino_loss, sum_of_pairs


def dino_loss(student, teacher, center, teacher_temp=0.04, student_temp=0.1):
    probs = ((teacher.detach() - center) / teacher_temp).softmax(-1)
    log_probs = (student / student_temp).log_softmax(-1)
    total = 0
    for t in range(2):
        for s in range(len(student)):
            if s != t:
                total = total - (probs[t] * log_probs[s]).sum(-1).mean()
    return total


# %% right: new_center, as the formula


def new_center(center, teacher, momentum=0.9):
    return momentum * center + (1 - momentum) * teacher.detach().mean(0)


# %% right: new_center, by linear interpolation


@torch.no_grad()
def new_center(center, teacher, momentum=0.9):
    return center.lerp(teacher.sum(dim=0) / len(teacher), 1 - momentum)


# %% wrong: new_center, of_probabilities


def new_center(center, teacher, momentum=0.9):
    return momentum * center + (1 - momentum) * teacher.detach().softmax(1).mean(0)


# %% wrong: new_center, over_prototypes


def new_center(center, teacher, momentum=0.9):
    return momentum * center + (1 - momentum) * teacher.detach().mean(1)


# %% wrong: new_center, keeps_the_graph


def new_center(center, teacher, momentum=0.9):
    return momentum * center + (1 - momentum) * teacher.mean(0)


# %% wrong: new_center, momentum_exchanged


def new_center(center, teacher, momentum=0.9):
    return (1 - momentum) * center + momentum * teacher.detach().mean(0)


# %% wrong: new_center, forgets_the_past


def new_center(center, teacher, momentum=0.9):
    return teacher.detach().mean(0)


# %% wrong: new_center, summed


def new_center(center, teacher, momentum=0.9):
    return momentum * center + (1 - momentum) * teacher.detach().sum(0)


# %% wrong: new_center, unweighted


def new_center(center, teacher, momentum=0.9):
    return momentum * center + teacher.detach().mean(0)


# %% right: clip_each, one after the other


def clip_each(parameters, max_norm):
    for parameter in parameters:
        if parameter.grad is not None:
            norm = parameter.grad.norm()
            if norm > max_norm:
                parameter.grad.mul_(max_norm / norm)


# %% right: clip_each, with PyTorch's function on each


def clip_each(parameters, max_norm):
    for parameter in parameters:
        torch.nn.utils.clip_grad_norm_([parameter], max_norm)


# %% right: clip_each, by new gradients


def clip_each(parameters, max_norm):
    for parameter in parameters:
        if parameter.grad is None:
            continue
        length = parameter.grad.square().sum().sqrt()
        parameter.grad = parameter.grad * min(1.0, float(max_norm / length))


# %% wrong: clip_each, one_norm_for_all


def clip_each(parameters, max_norm):
    torch.nn.utils.clip_grad_norm_(parameters, max_norm)


# %% wrong: clip_each, clips_entries


def clip_each(parameters, max_norm):
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad.clamp_(-max_norm, max_norm)


# %% wrong: clip_each, enlarges_small_ones


def clip_each(parameters, max_norm):
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad.mul_(max_norm / parameter.grad.norm())


# %% wrong: clip_each, fails_without_gradient


def clip_each(parameters, max_norm):
    for parameter in parameters:
        norm = parameter.grad.norm()
        if norm > max_norm:
            parameter.grad.mul_(max_norm / norm)


# %% wrong: clip_each, rebound


def clip_each(parameters, max_norm):
    for parameter in parameters:
        gradient = parameter.grad
        if gradient is not None and gradient.norm() > max_norm:
            gradient = gradient * max_norm / gradient.norm()


# %% wrong: clip_each, clips_weights


@torch.no_grad()
def clip_each(parameters, max_norm):
    for parameter in parameters:
        if parameter.grad is not None:
            norm = parameter.grad.norm()
            if norm > max_norm:
                parameter.mul_(max_norm / norm)


# %% wrong: clip_each, squared_norm


def clip_each(parameters, max_norm):
    for parameter in parameters:
        if parameter.grad is not None:
            norm = (parameter.grad**2).sum()
            if norm > max_norm:
                parameter.grad.mul_(max_norm / norm)


# %% right: mutual_information, with entr


def mutual_information(probabilities):
    of_mean = torch.special.entr(probabilities.mean(0)).sum()
    return of_mean - torch.special.entr(probabilities).sum(1).mean()


# %% right: mutual_information, with clamped logarithms


def mutual_information(probabilities):
    def entropy(rows):
        return -(rows * rows.clamp_min(1e-12).log()).sum(-1)

    return float(entropy(probabilities.mean(dim=0)) - entropy(probabilities).mean())


# %% right: mutual_information, as a mean divergence


def mutual_information(probabilities):
    mean = probabilities.mean(0, keepdim=True)
    positive = probabilities > 0
    ratio = torch.where(positive, probabilities / mean, torch.ones(()))
    return (probabilities * ratio.log()).sum(1).mean()


# %% wrong: mutual_information, entropy_of_the_mean_alone


def mutual_information(probabilities):
    return torch.special.entr(probabilities.mean(0)).sum()


# %% wrong: mutual_information, mean_entropy_alone


def mutual_information(probabilities):
    return torch.special.entr(probabilities).sum(1).mean()


# %% wrong: mutual_information, sign


def mutual_information(probabilities):
    of_mean = torch.special.entr(probabilities.mean(0)).sum()
    return torch.special.entr(probabilities).sum(1).mean() - of_mean


# %% wrong: mutual_information, log_2


def mutual_information(probabilities):
    def entropy(rows):
        return -(rows * rows.clamp_min(1e-12).log2()).sum(-1)

    return entropy(probabilities.mean(0)) - entropy(probabilities).mean()


# %% wrong: mutual_information, wrong_axis


def mutual_information(probabilities):
    of_mean = torch.special.entr(probabilities.mean(1)).sum()
    return of_mean - torch.special.entr(probabilities).sum(0).mean()


# %% wrong: mutual_information, nan_at_zero


def mutual_information(probabilities):
    def entropy(rows):
        return -(rows * rows.log()).sum(-1)

    return entropy(probabilities.mean(0)) - entropy(probabilities).mean()


# %% wrong: mutual_information, summed_over_images


def mutual_information(probabilities):
    of_mean = torch.special.entr(probabilities.mean(0)).sum()
    return of_mean - torch.special.entr(probabilities).sum()
