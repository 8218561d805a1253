//! Vectors of hashing, trees, tiles and their paths.
//!
//! They are those of transparency-dev (merkle, tessera) and of the tlog-tiles specification, and a few computed with
//! an independent implementation, which say so.

use exhibit::ledger::{
    hash::{LeafHash, NodeHash, RootHash},
    position::{EntryIndex, TreeSize},
    tile::{Span, TileId, bundle_of, push_entry},
    tree::{NodeSource, consistency_holds, inclusion_holds, prove_consistency, prove_inclusion},
};

use super::{Tree, node, sha256, size};

fn hex32(text: &str) -> [u8; 32] {
    hex::decode(text).unwrap().try_into().unwrap()
}

#[test]
fn leaves_and_nodes_hash_as_rfc_6962_says() {
    let leaf = |entry: &str| LeafHash::of_entry(entry.as_bytes()).to_string();
    assert_eq!(
        RootHash::empty().to_string(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert_eq!(
        leaf(""),
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    );
    assert_eq!(
        leaf("L123456"),
        "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    );
    // Their node is over two strings that are no hashes, so it is computed without our types.
    assert_eq!(
        sha256(b"\x01N123N456"),
        "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
    );
    let (left, right) = (NodeHash::from_bytes([1; 32]), NodeHash::from_bytes([2; 32]));
    let preimage = [&[1][..], &[1; 32], &[2; 32]].concat();
    assert_eq!(
        NodeHash::of_children(&left, &right).to_string(),
        sha256(&preimage)
    );
}

/// Leaves of the classic tree of eight, and its roots at each size.
const CLASSIC: [(&str, &str); 8] = [
    (
        "",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    ),
    (
        "00",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    ),
    (
        "10",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    ),
    (
        "2021",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (
        "3031",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    ),
    (
        "40414243",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    ),
    (
        "5051525354555657",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    ),
    (
        "606162636465666768696a6b6c6d6e6f",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ),
];

#[test]
fn the_classic_tree_of_eight_has_its_roots_and_proofs() {
    let tree = Tree::over(CLASSIC.map(|(leaf, _)| hex::decode(leaf).unwrap()));
    for (at, (_, expected)) in CLASSIC.iter().enumerate() {
        assert_eq!(
            tree.roots[at + 1],
            RootHash::from_bytes(hex32(expected)),
            "size {}",
            at + 1
        );
    }
    let beside = "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=";
    let last_two = [
        "yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=",
        "037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=",
    ];
    let proof = [beside, last_two[0], last_two[1]].map(node);
    let made = prove_inclusion(&tree.nodes(size(8)), EntryIndex::new(5), size(8)).unwrap();
    assert_eq!(made.as_deref(), Some(&proof[..]));
    assert!(inclusion_holds(
        EntryIndex::new(5),
        size(8),
        tree.leaves[5],
        &proof,
        tree.roots[8]
    ));
    let six_to_eight = [
        "DrxdNDf74tsVi58Sah0RjjCBgQMdCpSfje3t68VY72o=",
        last_two[0],
        last_two[1],
    ]
    .map(node);
    let two_to_five = ["Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=", beside].map(node);
    for (old, new, proof) in [(6, 8, &six_to_eight[..]), (2, 5, &two_to_five[..])] {
        let made = prove_consistency(&tree.nodes(size(new)), size(old), size(new)).unwrap();
        assert_eq!(made.as_deref(), Some(proof), "{old} to {new}");
        assert!(consistency_holds(
            (size(old), tree.roots[old]),
            (size(new), tree.roots[new]),
            proof
        ));
    }
}

#[test]
fn paths_have_their_one_spelling() {
    let span = |number, width| Span { number, width };
    for (id, path) in [
        (
            TileId {
                level: 15,
                span: span(455_667, 256),
            },
            "tile/15/x455/667",
        ),
        (
            TileId {
                level: 15,
                span: span(123_456_789, 41),
            },
            "tile/15/x123/x456/789.p/41",
        ),
        (
            TileId {
                level: 0,
                span: span(0, 256),
            },
            "tile/0/000",
        ),
        (
            TileId {
                level: 63,
                span: span(1_234_067, 255),
            },
            "tile/63/x001/x234/067.p/255",
        ),
        (
            TileId {
                level: 0,
                span: span(u64::MAX >> 8, 1),
            },
            "tile/0/x072/x057/x594/x037/x927/935.p/1",
        ),
    ] {
        assert_eq!((id.to_string().as_str(), path.parse()), (path, Ok(id)));
    }
    let entry_path = |index, size| {
        bundle_of(EntryIndex::new(index), TreeSize::new(size)).map(Span::entries_path)
    };
    assert_eq!(
        entry_path(256, 257).as_deref(),
        Some("tile/entries/001.p/1")
    );
    let index = 123_456_789 * 256;
    assert_eq!(
        entry_path(index, u64::MAX).as_deref(),
        Some("tile/entries/x123/x456/789")
    );
    assert_eq!(entry_path(257, 257), None);
    for bad in [
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/x001",
        "tile/0/001/",
        "tile/0/001/x002",
        "tile/0/1/002",
        "tile/0/x01/002",
        "tile/0/xx001/002",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/+1",
        "tile/0/000.p/",
        "tile/0/000.p/1.p/1",
        "tile/0/+00",
        "tile/0/-01",
        "tile/64/000",
        "tile/00/000",
        "tile/+1/000",
        "tile//000",
        "tile/0/",
        "/tile/0/000",
        "tile/0/000 ",
        "tile/0/../000",
        "tile/entries/000",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/００1",
        "TILE/0/000",
        "tile/0/000.P/1",
    ] {
        assert!(bad.parse::<TileId>().is_err(), "{bad}");
    }
}

#[test]
fn a_tree_of_70000_has_the_tiles_the_specification_counts() {
    let all: Vec<TileId> = TileId::all(TreeSize::new(70_000)).collect();
    let widths = |level: u32| -> Vec<u16> {
        all.iter()
            .filter(|id| id.level == level)
            .map(|id| id.span.width)
            .collect()
    };
    assert_eq!(
        (widths(0).len(), widths(0)[272], widths(0)[273]),
        (274, 256, 112)
    );
    assert_eq!(
        (widths(1), widths(2), widths(3)),
        (vec![256, 17], vec![1], vec![])
    );
    let of_256: Vec<String> = TileId::all(TreeSize::new(256))
        .map(|id| id.to_string())
        .collect();
    assert_eq!(of_256, ["tile/0/000", "tile/1/000.p/1"]);
    assert_eq!(TileId::all(TreeSize::EMPTY).count(), 0);
}

/// Computed, not official: a log whose entry i is the text `leaf <i>`, across the edges of tiles.
const LEAF_ROOTS: [(usize, &str); 8] = [
    (255, "1xWSohnUBnZj7t4kf5tUw/ngKQaC1V3gm0lbB/HeQck="),
    (256, "z17/2xHQknou31Ow5zx4N/ZZQU4AU32l2Q61xMSf8nQ="),
    (257, "hVuTaqAMuYtRFEhCSa0514pr6TYj4mwB6OSH3AIYSlo="),
    (513, "S6cPCe551bW7RF81AOrhiycTmG7dQ2ULXOwt7MdjtD8="),
    (65_535, "tZJIDfIPDdRW4525zbCh+oXzYX7C0wz/xSdgw4d285M="),
    (65_536, "4QC6VNaakQEvwTt4kP6seNaZaglyaLb3NdFzEcdAKmA="),
    (65_537, "aJsidCyrKt6za6Yi/yc2M2RkhY9d5KLALzO/Fj59yl8="),
    (70_000, "2gUy/3su5W9AZxEPyWTp8ntZWflSe//z+lAap1hN6vM="),
];

#[test]
fn a_log_of_70000_has_its_roots_tiles_and_proofs() {
    let entries: Vec<String> = (0..70_000).map(|i| format!("leaf {i}")).collect();
    let tree = Tree::over(&entries);
    for (size, expected) in LEAF_ROOTS {
        assert_eq!(tree.roots[size], node(expected).into(), "size {size}");
    }
    let tile = tree.tile("tile/0/000".parse().unwrap());
    assert_eq!(tile.len(), 8192);
    assert_eq!(
        sha256(&tile),
        "3658d44ebeb979b996b87ac966392dffbe9a628e34cb70bbff0ba844e74c31c6"
    );
    let mut bundle = Vec::new();
    for entry in &entries[..256] {
        push_entry(&mut bundle, entry.as_bytes()).unwrap();
    }
    assert_eq!(bundle.len(), 2450);
    assert_eq!(
        sha256(&bundle),
        "a14c635e736c61c708522df30dabd9606ebc7bc14b9de94ead044c9530e2fac5"
    );
    for (n, _) in LEAF_ROOTS {
        let nodes = tree.nodes(size(n));
        for m in [0, 1, 254, n / 2, n - 1] {
            holds_at(&tree, &nodes, m, n);
        }
    }
}

/// Both proofs about an entry and a size, made from tiles alone, hold.
fn holds_at<S: NodeSource<Error: std::fmt::Debug>>(tree: &Tree, nodes: &S, m: usize, n: usize) {
    let index = EntryIndex::new(m as u64);
    let proof = prove_inclusion(nodes, index, size(n)).unwrap().unwrap();
    assert!(
        inclusion_holds(index, size(n), tree.leaves[m], &proof, tree.roots[n]),
        "{m} in {n}"
    );
    let proof = prove_consistency(nodes, size(m + 1), size(n))
        .unwrap()
        .unwrap();
    let (old, new) = ((size(m + 1), tree.roots[m + 1]), (size(n), tree.roots[n]));
    assert!(consistency_holds(old, new, &proof), "{} to {n}", m + 1);
}
