//! libFuzzer over one target, the one that `ZHENGNA_FUZZ_TARGET` names. Run it by `../run`.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use zhengna_fuzz::Target;

static TARGET: LazyLock<&'static Target> = LazyLock::new(|| {
    let name = std::env::var("ZHENGNA_FUZZ_TARGET").expect("ZHENGNA_FUZZ_TARGET names a target");
    zhengna_fuzz::target(&name).expect("ZHENGNA_FUZZ_TARGET names a target")
});

fuzz_target!(|data: &[u8]| (TARGET.run)(data));
