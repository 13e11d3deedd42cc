//! Passwords: Argon2id (RFC 9106) and the rules for choosing one.

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordVerifier, Version};
use rand_core::Rng as _;

use super::Rng;

/// Memory of one password hash, in KiB (19 MiB). Source: OWASP Password Storage, Argon2id with t=2, p=1.
pub const ARGON2_MEMORY_KIB: u32 = 19 * 1024;
/// Passes over that memory.
pub const ARGON2_PASSES: u32 = 2;
/// Lanes; one, because a host runs many logins at once anyway.
pub const ARGON2_LANES: u32 = 1;

/// Fewest characters of a password. Stricter than the 8 of GB/T 22239-2019 practice.
pub const PASSWORD_MIN_CHARS: usize = 10;
/// Most characters of a password; a limit on work, not on strength.
pub const PASSWORD_MAX_CHARS: usize = 128;

/// Of lower case, upper case, digits and everything else, a password has at least this many.
const CLASSES_NEEDED: usize = 3;
/// UTF-8 bytes that [`PASSWORD_MAX_CHARS`] can have; longer input is never hashed as it is.
const PASSWORD_MAX_BYTES: usize = PASSWORD_MAX_CHARS * 4;
const SALT_BYTES: usize = 16;
/// Passwords that keep to every other rule in some spelling and are still guessed first: heads of published lists of leaked passwords,
/// walks over the keyboard, defaults of vendors, and what this service, its place and its trade suggest. Lower case: a capital in
/// front makes none of them better. Five guesses before a lock are few, so that a short list is enough.
const COMMON: [&str; 48] = [
    "password123",
    "password1234",
    "password@123",
    "password123!",
    "passw0rd123",
    "p@ssword123",
    "p@ssw0rd123",
    "p@ssw0rd1234",
    "qwerty12345",
    "qwerty123456",
    "qwerty@123",
    "qwer1234!@#$",
    "qwer@12345",
    "1qaz2wsx3edc",
    "1qaz@wsx3edc",
    "1qaz!qaz2wsx",
    "aa12345678",
    "aa123456789",
    "aa1234567890",
    "aa123456!@#",
    "abc1234567",
    "abc123456789",
    "abc@123456",
    "abcd@12345",
    "abcd123456",
    "admin@1234",
    "admin@12345",
    "admin@123456",
    "admin12345",
    "admin123456",
    "root@12345",
    "root@123456",
    "test@12345",
    "test123456",
    "huawei@123",
    "huawei12#$",
    "welcome123",
    "welcome@123",
    "changeme123",
    "changeme@123",
    "woaini1314",
    "zhengna2026",
    "zhengna@2026",
    "zhengna@123",
    "changchun2026",
    "changchun@123",
    "shuiwu@123",
    "shuiwu123456",
];
/// Whether hashes made here take the work they take in a shipped program. Tests make thousands, of passwords that guard nothing.
#[cfg(feature = "testing")]
static AS_SHIPPED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// From now on hashes of this process take the work they take in a shipped program: for whoever measures it.
#[cfg(feature = "testing")]
pub fn hash_as_shipped() {
    AS_SHIPPED.store(true, std::sync::atomic::Ordering::Relaxed);
}

/// Memory and passes of a hash made here. `tests/lint` sees that no shipped program has the feature that makes it light.
fn cost() -> (u32, u32) {
    #[cfg(feature = "testing")]
    if !AS_SHIPPED.load(std::sync::atomic::Ordering::Relaxed) {
        return (Params::MIN_M_COST, Params::MIN_T_COST);
    }
    (ARGON2_MEMORY_KIB, ARGON2_PASSES)
}
/// A stored hash may ask for this many times the work of today's; more is a damaged or planted row.
const WORK_LIMIT_FACTOR: u32 = 8;

fn argon2() -> Argon2<'static> {
    let (memory_kib, passes) = cost();
    #[expect(clippy::expect_used, reason = "see the next line")]
    // why it cannot fail: the constants are within the limits of Argon2 (every test of this module proves it)
    let params = Params::new(memory_kib, passes, ARGON2_LANES, None).expect("constant parameters");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Hashes a password for storage: a PHC string with parameters, 16 random bytes of salt and 32 bytes of hash.
///
/// Takes 19 MiB and some 20 ms; call it on a blocking thread. Check [`password_rules`] first.
#[must_use]
pub fn hash_password(rng: &mut Rng, password: &str) -> String {
    let mut salt = [0; SALT_BYTES];
    rng.fill_bytes(&mut salt);
    #[expect(clippy::expect_used, reason = "see the next lines")]
    argon2()
        .hash_password_with_salt(password.as_bytes(), &salt)
        // why it cannot fail: salt and parameters have lengths that Argon2 takes, a &str is far below 4 GiB, and
        // running out of 19 MiB of memory ends the process like any allocation does
        .expect("salt and parameters within the limits of Argon2")
        .to_string()
}

/// Whether the password fits a PHC string of [`hash_password`], now or with earlier parameters. Compares in constant
/// time. A malformed or absurdly expensive string is `false` and still costs one hash.
#[must_use]
pub fn verify_password(password: &str, phc: &str) -> bool {
    let acceptable = PasswordHash::new(phc).ok().filter(|hash| {
        hash.algorithm.as_str() == Algorithm::Argon2id.as_str()
            && Params::try_from(hash).is_ok_and(|params| {
                params.m_cost() <= ARGON2_MEMORY_KIB * WORK_LIMIT_FACTOR
                    && params.t_cost() <= ARGON2_PASSES * WORK_LIMIT_FACTOR
                    && params.p_cost() <= WORK_LIMIT_FACTOR
            })
    });
    match acceptable {
        Some(hash) if password.len() <= PASSWORD_MAX_BYTES => argon2().verify_password(password.as_bytes(), &hash).is_ok(),
        _ => {
            verify_nothing(password);
            false
        }
    }
}

/// Spends the work of [`verify_password`] and says nothing: for a login whose account does not exist, so that the time taken
/// does not tell which accounts do.
pub fn verify_nothing(password: &str) {
    let input = password.as_bytes().get(..PASSWORD_MAX_BYTES).unwrap_or(password.as_bytes());
    let _ = std::hint::black_box(argon2().hash_password_with_salt(input, &[0; SALT_BYTES]));
}

/// Why a password may not be chosen. Carries no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordProblem {
    /// Fewer than [`PASSWORD_MIN_CHARS`] characters.
    #[error("password has {chars} characters, at least {PASSWORD_MIN_CHARS} needed")]
    TooShort {
        /// Characters it has.
        chars: usize,
    },
    /// More than [`PASSWORD_MAX_CHARS`] characters.
    #[error("password has {chars} characters, at most {PASSWORD_MAX_CHARS} allowed")]
    TooLong {
        /// Characters it has.
        chars: usize,
    },
    /// Fewer than 3 of the 4 classes lower case, upper case, digit, other.
    #[error("password mixes {classes} of lower case, upper case, digits and others; 3 needed")]
    TooFewClasses {
        /// Classes it has.
        classes: usize,
    },
    /// It contains the login, the name or the phone number of its owner.
    #[error("password contains the login or another name of its owner")]
    ContainsName,
    /// It is one of the few that are tried first.
    #[error("password is one of the commonest")]
    Common,
}

/// Checks a new password: 10 to 128 characters, 3 of 4 classes (lower case, upper case, digits, everything else), and
/// none of `names` (login, real name, phone) in it, whatever the case. Names of one character are not looked for. Nor is it one of the
/// commonest, whatever the case.
///
/// Source: GB/T 22239-2019 8.1.4.1 a) (complexity), with the stricter numbers settled in the design (10 characters).
///
/// # Errors
/// The first rule that is broken, in the order of [`PasswordProblem`].
pub fn password_rules(password: &str, names: &[&str]) -> Result<(), PasswordProblem> {
    let chars = password.chars().count();
    if chars < PASSWORD_MIN_CHARS {
        return Err(PasswordProblem::TooShort { chars });
    }
    if chars > PASSWORD_MAX_CHARS {
        return Err(PasswordProblem::TooLong { chars });
    }
    let other = |c: char| !c.is_lowercase() && !c.is_uppercase() && !c.is_numeric();
    let classes = [
        password.contains(char::is_lowercase),
        password.contains(char::is_uppercase),
        password.contains(char::is_numeric),
        password.contains(other),
    ];
    let classes = classes.into_iter().filter(|&present| present).count();
    if classes < CLASSES_NEEDED {
        return Err(PasswordProblem::TooFewClasses { classes });
    }
    let lower = zeroize::Zeroizing::new(password.to_lowercase());
    let contained = |name: &&str| name.chars().count() > 1 && lower.contains(&name.to_lowercase());
    if names.iter().any(contained) {
        return Err(PasswordProblem::ContainsName);
    }
    if COMMON.contains(&lower.as_str()) {
        return Err(PasswordProblem::Common);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Rng;
    use super::*;
    use proptest::prelude::*;
    use rand_core::SeedableRng;

    const GOOD: &str = "Changchun-2026";

    #[test]
    fn the_work_is_what_the_constants_say_and_light_hashes_are_good_beside_it() {
        let light = hash_password(&mut Rng::seed_from_u64(1), GOOD);
        hash_as_shipped();
        let phc = hash_password(&mut Rng::seed_from_u64(1), GOOD);
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        for phc in [&light, &phc] {
            assert!(verify_password(GOOD, phc));
            assert!(!verify_password("changchun-2026", phc));
            assert!(!verify_password("", phc));
        }
        assert_ne!(phc, hash_password(&mut Rng::seed_from_u64(2), GOOD), "salted");
    }

    #[test]
    fn agrees_with_the_reference_implementation() {
        // RFC 9106's reference program, test.c: argon2id, version 0x13, t=2, m=65536 KiB, p=1, salt "somesalt".
        let phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(verify_password("password", phc));
        assert!(!verify_password("passwore", phc));
    }

    #[test]
    fn malformed_or_planted_hashes_are_false() {
        for phc in [
            "",
            "x",
            "$argon2id$",
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ",
            // Another variant, and parameters that would take 4 GiB.
            "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=65536,t=4000000,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        ] {
            assert!(!verify_password("password", phc), "{phc}");
        }
    }

    #[test]
    fn a_huge_password_is_cut_before_hashing() {
        verify_nothing(&"密".repeat(1_000_000));
        let phc = hash_password(&mut Rng::seed_from_u64(1), GOOD);
        assert!(!verify_password(&GOOD.repeat(1_000_000), &phc));
    }

    #[test]
    fn rules() {
        use PasswordProblem::*;
        assert_eq!(password_rules(GOOD, &["zhangsan", "", "2"]), Ok(()));
        assert_eq!(password_rules("Aa1-56789", &[]), Err(TooShort { chars: 9 }));
        assert_eq!(password_rules("Aa1-567890", &[]), Ok(()));
        assert_eq!(password_rules("长春税务局aA1税税", &[]), Ok(()));
        assert_eq!(password_rules(&format!("Aa1{}", "x".repeat(125)), &[]), Ok(()));
        assert_eq!(password_rules(&format!("Aa1{}", "x".repeat(126)), &[]), Err(TooLong { chars: 129 }));
        assert_eq!(password_rules("aaaaaaaaa1", &[]), Err(TooFewClasses { classes: 2 }));
        assert_eq!(password_rules("1111111111", &[]), Err(TooFewClasses { classes: 1 }));
        assert_eq!(password_rules("x-ZhangSan-2026", &["zhangsan"]), Err(ContainsName));
        assert_eq!(password_rules("Aa1-张三张三张三", &["lisi", "张三"]), Err(ContainsName));
    }

    #[test]
    fn the_commonest_are_refused_however_they_are_spelt() {
        for common in COMMON {
            // Each stands in the list for a spelling that nothing else refuses.
            let capital = common.chars().position(char::is_alphabetic).unwrap();
            let spelt: String = (0..).zip(common.chars()).map(|(at, c)| if at == capital { c.to_ascii_uppercase() } else { c }).collect();
            assert_eq!(password_rules(&spelt, &[]), Err(PasswordProblem::Common), "{spelt}");
            assert_eq!(password_rules(&format!("{spelt}-x"), &[]), Ok(()), "{spelt}");
        }
        for typed in ["Password123", "PASSWORD@123", "Huawei@123", "Aa12345678", "Qwerty123456", "Changchun2026", "ZhengNa2026"] {
            assert_eq!(password_rules(typed, &[]), Err(PasswordProblem::Common), "{typed}");
        }
        let mut sorted = COMMON.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), COMMON.len());
    }

    proptest! {
        #[test]
        fn rules_never_panic(password: String, name: String) {
            let _ = password_rules(&password, &[&name]);
        }

        #[test]
        fn a_password_with_the_login_in_it_is_refused(login in "[a-z]{3,12}", upper: bool) {
            let inside = if upper { login.to_uppercase() } else { login.clone() };
            let password = format!("aB3-567890{inside}!");
            prop_assert_eq!(password_rules(&password, &[&login]), Err(PasswordProblem::ContainsName));
        }
    }
}
