//! The kept inputs as ordinary tests, and a few seeded mutations of each.

use zhengna_fuzz::{TARGETS, attack, corpus, hold, top};

/// Executions of the cheapest target; in debug builds, a few seconds for all targets together.
const EXECUTIONS: u64 = 6_000;
/// The corpus is for reading and for replay, not an archive.
const FILE_BYTES_MAX: usize = 4 * 1024;
const TARGET_BYTES_MAX: usize = 64 * 1024;

#[test]
fn every_kept_input_holds() {
    let mut broken = Vec::new();
    for target in TARGETS {
        let kept = corpus(target);
        assert!(!kept.is_empty(), "{} has no kept inputs", target.name);
        let failing = kept.iter().filter_map(|input| Some((input, hold(target, &input.bytes).err()?)));
        broken.extend(failing.map(|(input, finding)| format!("corpus/{}/{}: {finding}", target.name, input.name)));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn so_do_mutations_of_them() {
    let attacked = |target| attack(target, &corpus(target), 1, (EXECUTIONS / target.cost).max(3)).err();
    let broken: Vec<String> = TARGETS.iter().filter_map(attacked).map(|finding| finding.to_string()).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_corpus_is_small_and_belongs_to_targets() {
    for entry in std::fs::read_dir(top().join("corpus")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(zhengna_fuzz::target(&name).is_some(), "corpus/{name} belongs to no target");
    }
    for target in TARGETS {
        let sizes: Vec<usize> = corpus(target).iter().map(|kept| kept.bytes.len()).collect();
        assert!(sizes.iter().all(|&n| n <= FILE_BYTES_MAX), "{}: a kept input is too long", target.name);
        assert!(sizes.iter().sum::<usize>() <= TARGET_BYTES_MAX, "{}: too much is kept", target.name);
    }
}

#[test]
fn the_same_seed_gives_the_same_inputs() {
    let target = zhengna_fuzz::target("body").unwrap();
    let kept = corpus(target);
    let inputs = |seed| {
        let mut mutator = zhengna_fuzz::Mutator::new(seed, target.words, &kept);
        (0..100).map(|_| mutator.next()).collect::<Vec<_>>()
    };
    assert_eq!(inputs(1), inputs(1));
    assert_ne!(inputs(1), inputs(2));
}
