"""Inclusion and consistency proofs over a tree of 13 leaves."""

NAME = "proofs.json"
SIZE = 13


def root(v, leaves):
    frontier = v.Frontier()
    for leaf in leaves:
        frontier.push(leaf)
    return frontier.root()


def split(size):
    k = 1
    while 2 * k < size:
        k *= 2
    return k


def inclusion(v, index, leaves):
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return inclusion(v, index, leaves[:k]) + [root(v, leaves[k:])]
    return inclusion(v, index - k, leaves[k:]) + [root(v, leaves[:k])]


def consistency(v, old, leaves, whole=True):
    if old == len(leaves):
        return [] if whole else [root(v, leaves)]
    k = split(len(leaves))
    if old <= k:
        return consistency(v, old, leaves[:k], whole) + [root(v, leaves[k:])]
    return consistency(v, old - k, leaves[k:], False) + [root(v, leaves[:k])]


def consistency_holds(v, old, new, old_root, new_root, proof):
    if old == 0 or old > new:
        return False
    if old == new:
        return not proof and old_root == new_root
    if not proof:
        return False
    if old & (old - 1) == 0:
        proof = [old_root] + proof
    first, second = old - 1, new - 1
    while first & 1:
        first, second = first >> 1, second >> 1
    a = b = proof[0]
    for hash in proof[1:]:
        if second == 0:
            return False
        if first & 1 or first == second:
            while not first & 1 and first:
                first, second = first >> 1, second >> 1
            a, b = v.node_hash(hash, a), v.node_hash(hash, b)
        else:
            b = v.node_hash(b, hash)
        first, second = first >> 1, second >> 1
    return second == 0 and a == old_root and b == new_root


def hexes(hashes):
    return [hash.hex() for hash in hashes]


def make(m):
    v = m.v
    leaves = [v.leaf_hash(b"leaf %d" % n) for n in range(SIZE)]
    roots = [root(v, leaves[:size]) for size in range(SIZE + 1)]
    included, consistent = [], []

    def include(index, size, leaf, proof, root, reason=None):
        assert v.inclusion_holds(index, size, leaf, proof, root) == (reason is None), reason
        included.append(dict({"index": index, "size": size, "leaf": leaf.hex(), "proof": hexes(proof),
                              "root": root.hex()}, **({"reason": reason} if reason else {})))

    def continues(old, new, a, b, proof, reason=None):
        assert consistency_holds(v, old, new, a, b, proof) == (reason is None), reason
        consistent.append(dict({"old": old, "new": new, "old_root": a.hex(), "new_root": b.hex(),
                                "proof": hexes(proof)}, **({"reason": reason} if reason else {})))

    for size in (1, 2, 3, 7, 8, 13):
        for index in range(size):
            include(index, size, leaves[index], inclusion(v, index, leaves[:size]), roots[size])
    proof = inclusion(v, 5, leaves)
    for index, size, leaf, proof, root_, reason in (
            (5, 13, leaves[6], proof, roots[13], "another leaf"),
            (5, 13, leaves[5], proof, roots[12], "another root"),
            (4, 13, leaves[5], proof, roots[13], "another index"),
            (5, 13, leaves[5], proof[::-1], roots[13], "the hashes the wrong way round"),
            (5, 13, leaves[5], proof[:-1], roots[13], "a hash too few"),
            (5, 13, leaves[5], proof + proof[:1], roots[13], "a hash too many"),
            (5, 13, leaves[5], [], roots[13], "no proof"),
            (13, 13, leaves[5], proof, roots[13], "an index beyond the tree"),
            (0, 0, leaves[0], [], roots[0], "an empty tree"),
            (0, 1, leaves[0], [leaves[1]], roots[1], "a proof where none is needed"),
            (5, 14, leaves[5], proof + [roots[1]], roots[13], "a hash more for a larger size")):
        include(index, size, leaf, proof, root_, reason)
    for new in (1, 2, 7, 8, 13):
        for old in range(1, new + 1):
            continues(old, new, roots[old], roots[new], consistency(v, old, leaves[:new]))
    proof = consistency(v, 6, leaves)
    for old, new, a, b, proof, reason in (
            (0, 13, roots[0], roots[13], [], "nothing is proven about an empty tree"),
            (0, 0, roots[0], roots[0], [], "nothing is proven about an empty tree"),
            (13, 6, roots[13], roots[6], proof, "a smaller new tree"),
            (6, 13, roots[5], roots[13], proof, "another old root"),
            (6, 13, roots[6], roots[12], proof, "another new root"),
            (6, 13, roots[6], roots[13], proof[:-1], "a hash too few"),
            (6, 13, roots[6], roots[13], proof + proof[:1], "a hash too many"),
            (6, 13, roots[6], roots[13], proof[::-1], "the hashes the wrong way round"),
            (6, 13, roots[6], roots[13], [], "no proof"),
            (7, 13, roots[6], roots[13], proof, "another size"),
            (6, 6, roots[6], roots[6], proof, "a proof where none is needed"),
            (6, 6, roots[6], roots[5], [], "one size, two roots")):
        continues(old, new, a, b, proof, reason)
    return {"about": "Hashes are hexadecimal; leaf n is that of the text `leaf n`. Where there is a reason, the proof must "
                     "be refused.", "inclusion": included, "consistency": consistent}
