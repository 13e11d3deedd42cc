//! A sealed backup as a stream: the head (`crypto/custody.rs` of the core has it), then chunks, each behind its length and whether it
//! is the last. A file that is cut off, reordered or changed does not read to its end.

use std::io::{self, BufRead, Read, Write};

use zeroize::Zeroizing;
use zhengna_core::crypto::{BACKUP_HEAD_BYTES_MAX, BackupKey, Custodian, CustodyError, Rng, SEAL_OVERHEAD_BYTES};

/// Plain bytes of one chunk.
const CHUNK_BYTES: usize = 64 * 1024;

/// Seals what is written to it.
pub struct SealedWriter<W> {
    inner: W,
    key: BackupKey,
    rng: Rng,
    number: u64,
    chunk: Zeroizing<Vec<u8>>,
}

impl<W: Write> SealedWriter<W> {
    /// Begins a file for these custodians, by their public keys.
    ///
    /// # Errors
    /// `InvalidInput` for custodians that cannot be; whatever `inner` says.
    pub fn begin(mut inner: W, mut rng: Rng, custodians: &[Vec<u8>]) -> io::Result<Self> {
        let (key, head) = BackupKey::seal_for(&mut rng, custodians).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
        inner.write_all(head.as_bytes())?;
        Ok(Self { inner, key, rng, number: 0, chunk: Zeroizing::new(Vec::with_capacity(CHUNK_BYTES)) })
    }

    /// Writes the last chunk. Without it the file does not open.
    pub fn finish(mut self) -> io::Result<W> {
        self.put(true)?;
        self.inner.flush()?;
        Ok(self.inner)
    }

    fn put(&mut self, last: bool) -> io::Result<()> {
        let sealed = self.key.seal(&mut self.rng, self.number, last, &self.chunk);
        let length = u32::try_from(sealed.len()).map_err(io::Error::other)?;
        self.inner.write_all(&length.to_be_bytes())?;
        self.inner.write_all(&[u8::from(last)])?;
        self.inner.write_all(&sealed)?;
        self.number += 1;
        self.chunk.clear();
        Ok(())
    }
}

impl<W: Write> Write for SealedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.chunk.len() == CHUNK_BYTES {
            self.put(false)?;
        }
        let taken = bytes.len().min(CHUNK_BYTES - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Opens what a [`SealedWriter`] wrote.
pub struct SealedReader<R> {
    inner: R,
    key: BackupKey,
    number: u64,
    chunk: Zeroizing<Vec<u8>>,
    read: usize,
    ended: bool,
}

fn broken(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Whether a file is a sealed backup, by its beginning.
///
/// # Errors
/// Whatever reading says.
pub fn is_sealed(inner: &mut impl BufRead) -> io::Result<bool> {
    Ok(BackupKey::is_head(inner.fill_buf()?))
}

impl<R: BufRead> SealedReader<R> {
    /// Opens a file with two of its custodians.
    ///
    /// # Errors
    /// `InvalidData` with a [`CustodyError`] within.
    pub fn open(mut inner: R, custodians: [&Custodian; 2]) -> io::Result<Self> {
        let mut head = String::new();
        let mut bounded = inner.by_ref().take(BACKUP_HEAD_BYTES_MAX as u64);
        loop {
            let begin = head.len();
            if bounded.read_line(&mut head)? == 0 {
                return Err(broken(CustodyError::Head));
            }
            if BackupKey::is_last_line(head[begin..].trim_end_matches('\n')) {
                break;
            }
        }
        let key = BackupKey::open(&head, custodians).map_err(broken)?;
        Ok(Self { inner, key, number: 0, chunk: Zeroizing::default(), read: 0, ended: false })
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        let mut begin = [0; 5];
        self.inner.read_exact(&mut begin).map_err(|_| broken("the backup is cut off"))?;
        let [a, b, c, d, last] = begin;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length > CHUNK_BYTES + SEAL_OVERHEAD_BYTES || last > 1 {
            return Err(broken("the backup was altered"));
        }
        let mut sealed = vec![0; length];
        self.inner.read_exact(&mut sealed).map_err(|_| broken("the backup is cut off"))?;
        self.chunk = self.key.open_chunk(self.number, last == 1, &sealed).map_err(|_| broken("the backup was altered"))?;
        (self.read, self.ended) = (0, last == 1);
        self.number += 1;
        if self.ended && self.inner.read(&mut [0])? != 0 {
            return Err(broken("the backup goes on behind its end"));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for SealedReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.read == self.chunk.len() {
            if self.ended {
                return Ok(0);
            }
            self.next_chunk()?;
        }
        let given = into.len().min(self.chunk.len() - self.read);
        into[..given].copy_from_slice(&self.chunk[self.read..self.read + given]);
        self.read += given;
        Ok(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::SeedableRng as _;

    fn sealed(bytes: &[u8]) -> (Vec<u8>, [Custodian; 3]) {
        let mut rng = Rng::seed_from_u64(1);
        let three = [0; 3].map(|_| Custodian::generate(&mut rng));
        let public: Vec<Vec<u8>> = three.iter().map(|c| c.public_key().to_vec()).collect();
        let mut writer = SealedWriter::begin(Vec::new(), rng, &public).unwrap();
        writer.write_all(bytes).unwrap();
        (writer.finish().unwrap(), three)
    }

    fn opened(file: &[u8], two: [&Custodian; 2]) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        SealedReader::open(file, two)?.read_to_end(&mut bytes).map(|_| bytes)
    }

    #[test]
    fn what_was_sealed_is_read_back_by_two_at_every_edge_of_a_chunk() {
        for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
            let bytes: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let (file, [a, b, c]) = sealed(&bytes);
            assert!(is_sealed(&mut file.as_slice()).unwrap() && !is_sealed(&mut b"{\"zhengna\"".as_slice()).unwrap());
            for two in [[&a, &b], [&c, &a]] {
                assert_eq!(opened(&file, two).unwrap(), bytes);
            }
            assert!(opened(&file, [&a, &a]).is_err(), "one is not two");
        }
    }

    #[test]
    fn every_cut_and_every_change_is_found() {
        let (file, [a, b, _]) = sealed(&[7; CHUNK_BYTES + 100]);
        for at in (0..file.len()).step_by(1499).chain(file.len() - 20..file.len()) {
            assert!(opened(&file[..at], [&a, &b]).is_err(), "cut at {at}");
            let mut changed = file.clone();
            changed[at] ^= 1;
            // Halves of a pair that was not asked are looked at too: the whole head is bound.
            assert!(opened(&changed, [&a, &b]).is_err(), "changed at {at}");
        }
        assert!(opened(&[file.as_slice(), b"x"].concat(), [&a, &b]).is_err());
    }
}
