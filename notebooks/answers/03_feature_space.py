# Answers to the exercises of chapter 3, right and wrong ones. Never handed out.

# %%
import numpy as np

# %% right: knn_accuracy, point by point


def knn_accuracy(points, labels, k):
    units = points / np.linalg.norm(points, axis=1, keepdims=True)
    right = 0
    for number, unit in enumerate(units):
        cosine = units @ unit
        cosine[number] = -2
        neighbours = labels[np.argsort(-cosine)[:k]].tolist()
        votes = [neighbours.count(label) for label in neighbours]
        right += neighbours[votes.index(max(votes))] == labels[number]
    return right / len(points)


# %% right: knn_accuracy, with a matrix of votes


def knn_accuracy(points, labels, k):
    units = points / np.linalg.norm(points, axis=1)[:, None]
    cosine = units @ units.T
    np.fill_diagonal(cosine, -np.inf)
    order = np.argsort(cosine, axis=1)[:, ::-1][:, :k]
    votes = np.zeros((len(points), labels.max() + 1))
    for rank in range(k):
        votes[np.arange(len(points)), labels[order[:, rank]]] += 1 + 0.5 ** (rank + 1)
    return np.mean(votes.argmax(axis=1) == labels)


# %%
def vote(order, labels):
    right = 0
    for number, row in enumerate(order):
        neighbours = labels[row].tolist()
        votes = [neighbours.count(label) for label in neighbours]
        right += neighbours[votes.index(max(votes))] == labels[number]
    return right / len(labels)


def cosines(points):
    units = points / np.linalg.norm(points, axis=1, keepdims=True)
    return units @ units.T


# %% wrong: knn_accuracy, counts_itself


def knn_accuracy(points, labels, k):
    return vote(np.argsort(-cosines(points), axis=1)[:, :k], labels)


# %% wrong: knn_accuracy, farthest


def knn_accuracy(points, labels, k):
    cosine = cosines(points)
    np.fill_diagonal(cosine, 2)
    return vote(np.argsort(cosine, axis=1)[:, :k], labels)


# %% wrong: knn_accuracy, lengths_count


def knn_accuracy(points, labels, k):
    product = points @ points.T
    np.fill_diagonal(product, -np.inf)
    return vote(np.argsort(-product, axis=1)[:, :k], labels)


# %% wrong: knn_accuracy, euclidean


def knn_accuracy(points, labels, k):
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    return vote(np.argsort(distance, axis=1)[:, :k], labels)


# %% wrong: knn_accuracy, ties_by_lowest_id


def knn_accuracy(points, labels, k):
    cosine = cosines(points)
    np.fill_diagonal(cosine, -2)
    order = np.argsort(-cosine, axis=1)[:, :k]
    predicted = np.array([np.bincount(labels[row]).argmax() for row in order])
    return (predicted == labels).mean()


# %% wrong: knn_accuracy, votes_by_distance


def knn_accuracy(points, labels, k):
    cosine = cosines(points)
    np.fill_diagonal(cosine, -2)
    order = np.argsort(-cosine, axis=1)[:, :k]
    predicted = [
        np.bincount(labels[row], weights=cosine[number, row]).argmax()
        for number, row in enumerate(order)
    ]
    return (np.array(predicted) == labels).mean()


# %% right: pca, by the singular value decomposition


def pca(features):
    centred = features - features.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    return centred @ directions[:2].T


# %% right: pca, from the covariance


def pca(features):
    values, vectors = np.linalg.eigh(np.cov(features, rowvar=False))
    return (features - features.mean(0)) @ vectors[:, np.argsort(-values)[:2]]


# %% wrong: pca, not_centred


def pca(features):
    _, _, directions = np.linalg.svd(features, full_matrices=False)
    return features @ directions[:2].T


# %% wrong: pca, rows_for_columns


def pca(features):
    centred = features - features.mean(axis=1, keepdims=True)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    return centred @ directions[:2].T


# %% wrong: pca, standardised


def pca(features):
    centred = (features - features.mean(axis=0)) / features.std(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    return centred @ directions[:2].T


# %% wrong: pca, smallest


def pca(features):
    _, vectors = np.linalg.eigh(np.cov(features, rowvar=False))
    return (features - features.mean(axis=0)) @ vectors[:, :2]


# %% wrong: pca, whitened


def pca(features):
    centred = features - features.mean(axis=0)
    left, _, _ = np.linalg.svd(centred, full_matrices=False)
    return left[:, :2]


# %% right: tsne_chain, with an if


def tsne_chain(features, tsne):
    maps = []
    for values in features:
        if not maps:
            maps.append(tsne(values, init="pca"))
        else:
            maps.append(tsne(values, init=maps[-1], early_exaggeration=1))
    return maps


# %% right: tsne_chain, the first one before the loop


def tsne_chain(features, tsne):
    current = tsne(features[0])
    maps = [current]
    for values in features[1:]:
        current = tsne(values, current, 1.0, max_iter=250)
        maps += [current]
    return np.stack(maps)


# %% wrong: tsne_chain, separate_starts


def tsne_chain(features, tsne):
    return [tsne(values, init="pca") for values in features]


# %% wrong: tsne_chain, random_starts


def tsne_chain(features, tsne):
    return [tsne(values, init="random") for values in features]


# %% wrong: tsne_chain, exaggerated_again


def tsne_chain(features, tsne):
    maps = [tsne(features[0])]
    for values in features[1:]:
        maps.append(tsne(values, init=maps[-1]))
    return maps


# %% wrong: tsne_chain, backward


def tsne_chain(features, tsne):
    maps = [tsne(features[-1])]
    for values in features[-2::-1]:
        maps.append(tsne(values, init=maps[-1], early_exaggeration=1))
    return maps[::-1]


# %% wrong: tsne_chain, always_from_the_first


def tsne_chain(features, tsne):
    maps = [tsne(features[0])]
    for values in features[1:]:
        maps.append(tsne(values, init=maps[0], early_exaggeration=1))
    return maps


# %% wrong: tsne_chain, last_map_only


def tsne_chain(features, tsne):
    current = tsne(features[0])
    for values in features[1:]:
        current = tsne(values, init=current, early_exaggeration=1)
    return current


# %%
def unit(points):
    points = points - points.mean(axis=0)
    return points / np.sqrt((points**2).sum(axis=1).mean())


# %% right: displacement, with the singular vectors


def displacement(previous, current):
    maps = []
    for points in (previous, current):
        points = points - points.mean(axis=0)
        maps.append(points / np.sqrt((points**2).sum(axis=1).mean()))
    left, _, right = np.linalg.svd(maps[0].T @ maps[1])
    moved = maps[0] @ (left @ right) - maps[1]
    return np.sqrt((moved**2).sum(axis=1)).mean()


# %% right: displacement, the second map onto the first


def displacement(previous, current):
    before, after = (points - points.mean(0) for points in (previous, current))
    before = before / np.linalg.norm(before) * len(before) ** 0.5
    after = after / np.linalg.norm(after) * len(after) ** 0.5
    left, _, right = np.linalg.svd(after.T @ before)
    return np.linalg.norm(after @ left @ right - before, axis=1).mean()


# %% wrong: displacement, not_centred


def displacement(previous, current):
    before, after = (
        points / np.sqrt((points**2).sum(axis=1).mean()) for points in (previous, current)
    )
    left, _, right = np.linalg.svd(before.T @ after)
    return np.linalg.norm(before @ left @ right - after, axis=1).mean()


# %% wrong: displacement, not_scaled


def displacement(previous, current):
    before, after = previous - previous.mean(axis=0), current - current.mean(axis=0)
    left, _, right = np.linalg.svd(before.T @ after)
    return np.linalg.norm(before @ left @ right - after, axis=1).mean()


# %% wrong: displacement, no_mirror


def displacement(previous, current):
    before, after = unit(previous), unit(current)
    left, _, right = np.linalg.svd(before.T @ after)
    if np.linalg.det(left @ right) < 0:
        left[:, -1] *= -1
    return np.linalg.norm(before @ left @ right - after, axis=1).mean()


# %% wrong: displacement, rotated_the_wrong_way


def displacement(previous, current):
    before, after = unit(previous), unit(current)
    left, _, right = np.linalg.svd(before.T @ after)
    return np.linalg.norm(before @ (left @ right).T - after, axis=1).mean()


# %% wrong: displacement, not_turned


def displacement(previous, current):
    return np.linalg.norm(unit(previous) - unit(current), axis=1).mean()


# %% wrong: displacement, summed


def displacement(previous, current):
    before, after = unit(previous), unit(current)
    left, _, right = np.linalg.svd(before.T @ after)
    return np.linalg.norm(before @ left @ right - after, axis=1).sum()


# %% wrong: displacement, root_mean_square


def displacement(previous, current):
    before, after = unit(previous), unit(current)
    left, _, right = np.linalg.svd(before.T @ after)
    return np.sqrt(((before @ left @ right - after) ** 2).sum(axis=1).mean())
