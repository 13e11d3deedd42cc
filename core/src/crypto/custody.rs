//! Backups sealed with a key of their own, which nobody keeps: any two custodians open one, none of them alone.
//!
//! A host that makes backups holds public keys only. Each backup has a fresh key; for each pair of custodians it is split in
//! two halves that say nothing alone (a random one, and the key XOR that one), each encrypted for one of the two (SM2,
//! GB/T 32918.4). The head of the file has public keys and halves; every chunk behind it is bound to the head, to its number, and to
//! whether it is the last.
//!
//! ```text
//! zhengna-backup 1
//! custodian <130 hex>         SM2 public key, 04 x y; two to eight of them
//! pair 0 1 <hex> <hex>        halves of the key for custodians 0 and 1
//! end
//! ```

use sm2::pke::{DecryptingKey, EncryptingKey};
use zeroize::Zeroizing;

use super::seal::{CipherKey, binding};
use super::{CryptoError, Rng, Suite, hex, sign, sm3, unhex};
use rand_core::Rng as _;

/// Fewest custodians of a backup: it takes two to open one.
pub const CUSTODIANS_MIN: usize = 2;
/// Most custodians of a backup.
pub const CUSTODIANS_MAX: usize = 8;
/// Bytes of a head: eight custodians and their 28 pairs fit well.
pub const BACKUP_HEAD_BYTES_MAX: usize = 64 * 1024;

const FIRST: &str = "zhengna-backup 1";
const SECRET_FIRST: &str = "zhengna-custodian 1";
const LAST: &str = "end";
const SUITE: Suite = Suite::Sm4GcmSm3;

/// Why a backup was not sealed or opened. Repeats nothing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CustodyError {
    /// Too few custodians, too many, or one of them twice.
    #[error("a backup has {CUSTODIANS_MIN} to {CUSTODIANS_MAX} custodians, each once")]
    Number,
    /// Not an SM2 public key.
    #[error("custodian {0}: not an SM2 public key (04 x y, 130 hexadecimal digits)")]
    PublicKey(usize),
    /// Not the file of a custodian.
    #[error("this is not the file of a custodian")]
    NotACustodian,
    /// The head is not that of a sealed backup.
    #[error("this is not the head of a sealed backup")]
    Head,
    /// One of the two is none of its custodians, or both are the same.
    #[error("this backup opens for two different custodians of its own; one of these is none, or both are the same")]
    NotForThem,
    /// A half that does not open.
    #[error("the head of the backup was altered")]
    Altered,
}

/// The secret of a custodian: an SM2 private key.
pub struct Custodian {
    secret: Zeroizing<[u8; 32]>,
    public: Vec<u8>,
}

impl Custodian {
    /// A new custodian.
    #[must_use]
    pub fn generate(rng: &mut Rng) -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        loop {
            rng.fill_bytes(&mut *secret);
            // All but one in 2^32 numbers are private keys.
            if let Some(public) = sign::public_key(&secret) {
                return Self { secret, public };
            }
        }
    }

    /// The public key, which a host that makes backups is given.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        &self.public
    }

    /// The custodian's file. Keep it secret, and apart from the other custodians'.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let key = Zeroizing::new(hex(&*self.secret));
        let mut text = Zeroizing::new(String::with_capacity(256));
        text.push_str(&format!("{SECRET_FIRST}\npublic {}\nsecret ", hex(&self.public)));
        text.push_str(&key);
        text.push('\n');
        text
    }

    /// Reads a custodian's file.
    ///
    /// # Errors
    /// [`CustodyError::NotACustodian`].
    pub fn from_text(text: &str) -> Result<Self, CustodyError> {
        let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (first, public, secret) = (lines.next(), lines.next(), lines.next());
        let secret = secret.and_then(|line| line.strip_prefix("secret ")).and_then(unhex).map(Zeroizing::new);
        let secret = secret.filter(|_| first == Some(SECRET_FIRST) && lines.next().is_none());
        let mut key = Zeroizing::new([0; 32]);
        match secret {
            Some(bytes) if bytes.len() == key.len() => key.copy_from_slice(&bytes),
            _ => return Err(CustodyError::NotACustodian),
        }
        let known = sign::public_key(&key).ok_or(CustodyError::NotACustodian)?;
        let said = public.and_then(|line| line.strip_prefix("public ")).and_then(unhex);
        if said.as_ref() == Some(&known) { Ok(Self { secret: key, public: known }) } else { Err(CustodyError::NotACustodian) }
    }
}

impl std::fmt::Debug for Custodian {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Custodian(..)")
    }
}

/// The key of one backup, and what binds its chunks.
pub struct BackupKey {
    key: CipherKey,
    head: [u8; 32],
}

impl BackupKey {
    /// A fresh key for these custodians, with the head of the file.
    ///
    /// # Errors
    /// [`CustodyError::Number`], [`CustodyError::PublicKey`].
    pub fn seal_for(rng: &mut Rng, custodians: &[Vec<u8>]) -> Result<(Self, String), CustodyError> {
        if !(CUSTODIANS_MIN..=CUSTODIANS_MAX).contains(&custodians.len())
            || (1..custodians.len()).any(|i| custodians[..i].contains(&custodians[i]))
        {
            return Err(CustodyError::Number);
        }
        let public = |(i, key): (usize, &Vec<u8>)| EncryptingKey::from_sec1_bytes(key).map_err(|_| CustodyError::PublicKey(i + 1));
        let public: Vec<EncryptingKey> = custodians.iter().enumerate().map(public).collect::<Result<_, _>>()?;
        let key = CipherKey::generate(rng);
        let mut head = format!("{FIRST}\n");
        custodians.iter().for_each(|custodian| head.push_str(&format!("custodian {}\n", hex(custodian))));
        for j in 1..public.len() {
            for i in 0..j {
                let mut half = Zeroizing::new([0; 32]);
                rng.fill_bytes(&mut *half);
                let other = xor(key.bytes(), &half);
                let mut encrypted = |at: usize, half: &[u8]| public[at].encrypt(rng, half).map_err(|_| CustodyError::PublicKey(at + 1));
                head.push_str(&format!("pair {i} {j} {} {}\n", hex(&encrypted(i, &*half)?), hex(&encrypted(j, &*other)?)));
            }
        }
        head.push_str(LAST);
        head.push('\n');
        let bound = sm3(&[head.as_bytes()]);
        Ok((Self { key, head: bound }, head))
    }

    /// Whether a file that begins so is a sealed backup.
    #[must_use]
    pub fn is_head(begin: &[u8]) -> bool {
        begin.starts_with(FIRST.as_bytes())
    }

    /// Whether a head that is read line by line is whole with this one.
    #[must_use]
    pub fn is_last_line(line: &str) -> bool {
        line == LAST
    }

    /// The key of a backup, from its head and two of its custodians.
    ///
    /// # Errors
    /// [`CustodyError::Head`], [`CustodyError::NotForThem`], [`CustodyError::Altered`].
    pub fn open(head: &str, custodians: [&Custodian; 2]) -> Result<Self, CustodyError> {
        let mut lines = head.lines();
        if lines.next() != Some(FIRST) || head.len() > BACKUP_HEAD_BYTES_MAX {
            return Err(CustodyError::Head);
        }
        let (mut public, mut pairs, mut whole) = (Vec::new(), Vec::new(), false);
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["custodian", key] if !whole => public.push(unhex(key).ok_or(CustodyError::Head)?),
                ["pair", i, j, one, other] if !whole => {
                    let (i, j): (usize, usize) = i.parse().ok().zip(j.parse().ok()).ok_or(CustodyError::Head)?;
                    let halves = unhex(one).zip(unhex(other)).ok_or(CustodyError::Head)?;
                    pairs.push(((i, j), halves));
                }
                [LAST] if !whole => whole = true,
                _ => return Err(CustodyError::Head),
            }
        }
        if !whole {
            return Err(CustodyError::Head);
        }
        let place = |custodian: &Custodian| public.iter().position(|key| *key == custodian.public);
        let [one, other] = custodians;
        let (a, b) = place(one).zip(place(other)).ok_or(CustodyError::NotForThem)?;
        let ((first, a), (second, b)) = if a < b { ((one, a), (other, b)) } else { ((other, b), (one, a)) };
        let halves = pairs.iter().find(|(who, _)| *who == (a, b)).map(|(_, halves)| halves).ok_or(CustodyError::NotForThem)?;
        let (one, other) = (half_of(first, &halves.0)?, half_of(second, &halves.1)?);
        let key = xor(&one, &other);
        Ok(Self { key: CipherKey::new(key), head: sm3(&[head.as_bytes()]) })
    }

    fn binding(&self, suite: Suite, number: u64, last: bool) -> Vec<u8> {
        binding("zhengna backup", suite, &[&self.head, &number.to_be_bytes(), &[u8::from(last)]])
    }

    /// Seals the chunk with this number, from 0.
    #[must_use]
    pub fn seal(&self, rng: &mut Rng, number: u64, last: bool, chunk: &[u8]) -> Vec<u8> {
        self.key.seal(SUITE, rng, &self.binding(SUITE, number, last), chunk)
    }

    /// Opens the chunk with this number.
    ///
    /// # Errors
    /// As for a sealed column: [`CryptoError::Altered`] for one that was changed, moved, or is of another backup.
    pub fn open_chunk(&self, number: u64, last: bool, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        self.key.open(|suite| self.binding(suite, number, last), sealed)
    }
}

fn half_of(custodian: &Custodian, encrypted: &[u8]) -> Result<Zeroizing<[u8; 32]>, CustodyError> {
    let key = DecryptingKey::from_slice(&*custodian.secret).map_err(|_| CustodyError::NotACustodian)?;
    let half = Zeroizing::new(key.decrypt(encrypted).map_err(|_| CustodyError::Altered)?);
    let mut bytes = Zeroizing::new([0; 32]);
    if half.len() != bytes.len() {
        return Err(CustodyError::Altered);
    }
    bytes.copy_from_slice(&half);
    Ok(bytes)
}

fn xor(one: &[u8; 32], other: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let mut both = Zeroizing::new(*one);
    both.iter_mut().zip(other).for_each(|(byte, with)| *byte ^= with);
    both
}

#[cfg(test)]
mod tests {
    use super::super::Rng;
    use super::*;
    use proptest::prelude::*;
    use rand_core::SeedableRng;

    fn custodians(n: usize) -> (Vec<Custodian>, Vec<Vec<u8>>, Rng) {
        let mut rng = Rng::seed_from_u64(1);
        let made: Vec<Custodian> = (0..n).map(|_| Custodian::generate(&mut rng)).collect();
        let public = made.iter().map(|c| c.public_key().to_vec()).collect();
        (made, public, rng)
    }

    #[test]
    fn any_two_open_a_backup_and_nobody_else() {
        let (made, public, mut rng) = custodians(4);
        let (key, head) = BackupKey::seal_for(&mut rng, &public[..3]).unwrap();
        let sealed = key.seal(&mut rng, 0, true, b"rows");
        for (a, b) in [(0, 1), (1, 0), (0, 2), (2, 1)] {
            let opened = BackupKey::open(&head, [&made[a], &made[b]]).unwrap();
            assert_eq!(&**opened.open_chunk(0, true, &sealed).unwrap(), b"rows");
        }
        for (a, b) in [(0, 0), (0, 3), (3, 3)] {
            assert_eq!(BackupKey::open(&head, [&made[a], &made[b]]).err(), Some(CustodyError::NotForThem));
        }
    }

    #[test]
    fn a_chunk_opens_at_its_place_in_its_backup_only() {
        let (_, public, mut rng) = custodians(2);
        let (key, _) = BackupKey::seal_for(&mut rng, &public).unwrap();
        let (other, _) = BackupKey::seal_for(&mut rng, &public).unwrap();
        let sealed = key.seal(&mut rng, 3, false, b"rows");
        assert!(key.open_chunk(3, false, &sealed).is_ok());
        assert!(key.open_chunk(4, false, &sealed).is_err() && key.open_chunk(3, true, &sealed).is_err());
        assert!(other.open_chunk(3, false, &sealed).is_err());
    }

    #[test]
    fn so_many_custodians_each_once() {
        let (made, public, mut rng) = custodians(CUSTODIANS_MAX + 1);
        let mut number = |keys: &[Vec<u8>]| BackupKey::seal_for(&mut rng, keys).err();
        assert_eq!(number(&public[..1]), Some(CustodyError::Number));
        assert_eq!(number(&public), Some(CustodyError::Number));
        assert_eq!(number(&[public[0].clone(), public[0].clone()]), Some(CustodyError::Number));
        assert_eq!(number(&[public[0].clone(), vec![4; 65]]), Some(CustodyError::PublicKey(2)));
        let (_, head) = BackupKey::seal_for(&mut Rng::seed_from_u64(2), &public[..CUSTODIANS_MAX]).unwrap();
        assert!(head.len() <= BACKUP_HEAD_BYTES_MAX);
        assert!(BackupKey::open(&head, [&made[0], &made[CUSTODIANS_MAX - 1]]).is_ok());
    }

    #[test]
    fn a_custodians_file_is_read_back_and_shows_nothing() {
        let (made, ..) = custodians(2);
        let text = made[0].to_text();
        let [own, other] = [0, 1].map(|n: usize| hex(made[n].public_key()));
        assert!(text.contains(&own));
        assert_eq!(Custodian::from_text(&text).unwrap().public_key(), made[0].public_key());
        assert_eq!(format!("{:?}", made[0]), "Custodian(..)");
        for bad in
            ["", "zhengna-custodian 1\n", &text.replace("custodian 1", "custodian 2"), &text.replace(&own, &other), &format!("{}x", &*text)]
        {
            assert_eq!(Custodian::from_text(bad).err(), Some(CustodyError::NotACustodian));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn an_altered_head_opens_nothing(at: prop::sample::Index, new in "[0-9a-f ]") {
            let (made, public, mut rng) = custodians(2);
            let (key, head) = BackupKey::seal_for(&mut rng, &public).unwrap();
            let sealed = key.seal(&mut rng, 0, true, b"rows");
            let at = at.index(head.len());
            let changed = format!("{}{new}{}", &head[..at], &head[at + 1..]);
            if changed != head {
                let opened = BackupKey::open(&changed, [&made[0], &made[1]]).ok().and_then(|key| key.open_chunk(0, true, &sealed).ok());
                prop_assert!(opened.is_none());
            }
        }

        #[test]
        fn arbitrary_heads_never_panic(text in "(zhengna-backup 1\n)?(pair [0-9]{1,20} 1 00 00\n)?\\PC*(\nend\n)?") {
            let (made, ..) = custodians(2);
            prop_assert!(BackupKey::open(&text, [&made[0], &made[1]]).is_err());
        }
    }
}
