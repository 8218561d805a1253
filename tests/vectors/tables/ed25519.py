"""Ed25519: RFC 8032, 7.1, and what a strict verifier refuses."""

NAME = "ed25519.json"

RFC_8032 = [
    ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", ""),
    ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "72"),
    ("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "af82"),
    ("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e"
     "2a9ac94fa54ca49f"),
]
SIGNATURES = [
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655"
    "141438e7a100b",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00"
    "d291612bb0c00",
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc02"
    "7beceea1ec40a",
    "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9b"
    "ef1177331a704",
]
ORDER_EIGHT = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"
IDENTITY = "01" + "00" * 31


def little(number):
    return number.to_bytes(32, "little")


def make(m):
    v, rows = m.v, []

    def row(public, message, signature, reason=None):
        assert v.own_ed25519(public, signature, message) == (reason is None), reason
        rows.append(dict({"public": public.hex(), "message": message.hex(), "signature": signature.hex()},
                         **({"reason": reason} if reason else {})))

    for (seed, message), signature in zip(RFC_8032, SIGNATURES):
        seed, message = bytes.fromhex(seed), bytes.fromhex(message)
        assert m.sign(seed, message).hex() == signature
        row(m.public(seed), message, bytes.fromhex(signature))
    seed, message = m.SEED, b"a\n"
    public, good, secret = m.public(seed), m.sign(seed, message), m.secret(seed)[0]
    row(public, message, good)
    row(public, b"b\n", good, "another message")
    row(m.public(bytes(32)), message, good, "another key")
    row(public, message, good[:40] + bytes([good[40] ^ 1]) + good[41:], "one bit of S flipped")
    row(public, message, bytes([good[0] ^ 1]) + good[1:], "one bit of R flipped")
    row(public, message, good[:-1], "63 bytes")
    row(public, message, good + b"\0", "65 bytes")
    s = int.from_bytes(good[32:], "little")
    row(public, message, good[:32] + little(s + v.ORDER), "S is not below the group order: a second form of a signature")

    def k_of(r, a):
        return int.from_bytes(m.hashlib.sha512(r + a + message).digest(), "little") % v.ORDER

    identity = bytes.fromhex(IDENTITY)
    forged = little(k_of(identity, public) * secret % v.ORDER)
    row(public, message, identity + forged, "R is of small order: the equation holds")
    negative_zero = identity[:31] + b"\x80"
    forged = little(k_of(negative_zero, public) * secret % v.ORDER)
    row(public, message, negative_zero + forged, "R is the identity with a sign: no canonical point")
    over = little(v.P + 1)
    forged = little(k_of(over, public) * secret % v.ORDER)
    row(public, message, over + forged, "R has a coordinate of P or more")
    for key, reason in ((identity, "the key is the identity: anything verifies"),
                        (bytes(32), "the key is of order four"),
                        (bytes.fromhex(ORDER_EIGHT), "the key is of order eight"),
                        (over, "the key has a coordinate of P or more, and is the identity"),
                        (little(v.P + 3), "the key has a coordinate of P or more, of a point of full order"),
                        (negative_zero, "the key is the identity with a sign"),
                        (little(2), "the key is not on the curve")):
        row(key, message, identity + bytes(32), reason)
    # A key with a part of small order: the equation holds only when it is multiplied by eight.
    y = int.from_bytes(bytes.fromhex(ORDER_EIGHT), "little") & (2**255 - 1)
    square = (y * y - 1) * pow(v.D * y * y + 1, v.P - 2, v.P) % v.P
    x = pow(square, (v.P + 3) // 8, v.P)
    x = x if x * x % v.P == square else x * pow(2, (v.P - 1) // 4, v.P) % v.P
    mixed = v.point_encode(v.point_add(v.point_times(secret, v.BASE), (x, y, 1, x * y % v.P)))
    for number in range(1, 99):
        point = v.point_encode(v.point_times(number, v.BASE))
        k = k_of(point, mixed)
        if k % 8:
            row(mixed, message, point + little((number + k * secret) % v.ORDER),
                "the equation holds only when it is multiplied by the cofactor")
            break
    return {"about": "Byte strings are hexadecimal. Where there is a reason, the signature must be refused.",
            "signatures": rows}
