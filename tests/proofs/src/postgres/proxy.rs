//! A proxy between one host and PostgreSQL that knows where a COMMIT is in the stream, and cuts there; or holds
//! everything, as a network does that has come apart. Nothing is reset then: bytes just do not arrive.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A COMMIT as the client sends it: a simple query.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

/// What a pooler says when the server behind it went away: the COMMIT may have been done.
const FATAL: &[u8] = b"E\0\0\0\x3aSFATAL\0VFATAL\0C08006\0Mthe server connection was lost\0\0";

/// What happens at a COMMIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trap {
    /// It passes.
    Pass,
    /// The connection is cut before it: it never arrives.
    Never,
    /// The connection is cut after so many bytes of it.
    Torn(usize),
    /// It arrives and is answered; the connection is cut before the answer passes.
    Lost,
    /// The same, and a pooler says that it lost the server.
    Fatal,
    /// From here on nothing passes in either direction.
    Hold,
}

/// How often each was sprung.
#[derive(Default)]
pub(super) struct Sprung {
    pub(super) never: AtomicU64,
    pub(super) torn: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) fatal: AtomicU64,
    pub(super) bytes: AtomicU64,
}

/// See the [module](self).
pub(super) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    socket: PathBuf,
    state: Mutex<State>,
    healed: Condvar,
    closing: AtomicBool,
    sprung: Sprung,
}

#[derive(Default)]
struct State {
    held: bool,
    traps: VecDeque<Trap>,
    /// The connection that sends the byte behind this many is cut there.
    budget: Option<usize>,
    links: Vec<Arc<Link>>,
}

/// One connection through the proxy.
struct Link {
    client: TcpStream,
    server: UnixStream,
    /// What becomes of the next answer.
    answer: Mutex<Trap>,
}

impl Link {
    fn cut(&self) {
        // Either may be closed already.
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }

    fn answer(&self) -> MutexGuard<'_, Trap> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes `bytes` from the budget; where it ends among them, after how many.
    fn spend(&self, bytes: usize) -> Option<usize> {
        let mut state = self.state();
        let left = state.budget?;
        state.budget = left.checked_sub(bytes);
        state.budget.is_none().then_some(left)
    }

    /// Waits while the network is apart.
    fn pass(&self) {
        let state = self.healed.wait_while(self.state(), |s| s.held && !self.closing.load(Ordering::SeqCst));
        drop(state.unwrap_or_else(PoisonError::into_inner));
    }
}

impl Proxy {
    /// Starts one before the server that listens at `socket`.
    pub(super) fn before(socket: PathBuf) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            socket,
            state: Mutex::default(),
            healed: Condvar::new(),
            closing: AtomicBool::new(false),
            sprung: Sprung::default(),
        });
        let serving = shared.clone();
        let accepting = std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if serving.closing.load(Ordering::SeqCst) {
                    return;
                }
                // Refused when the server is down: the client finds its connection closed.
                let _ = serve(&serving, client);
            }
        });
        Ok(Self { port, shared, accepting: Some(accepting) })
    }

    /// Where it listens.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// What happens at the next COMMITs, one after the other; those behind them pass.
    pub(super) fn trap(&self, traps: impl IntoIterator<Item = Trap>) {
        self.shared.state().traps.extend(traps);
    }

    /// Cuts whichever connection sends the byte behind `bytes` more.
    pub(super) fn cut_after(&self, bytes: usize) {
        self.shared.state().budget = Some(bytes);
    }

    /// Traps that have not been sprung.
    pub(super) fn armed(&self) -> bool {
        let state = self.shared.state();
        state.budget.is_some() || !state.traps.is_empty()
    }

    /// Whether nothing passes.
    pub(super) fn held(&self) -> bool {
        self.shared.state().held
    }

    /// Everything passes again; with `cut`, on new connections only.
    pub(super) fn heal(&self, cut: bool) {
        let mut state = self.shared.state();
        state.traps.clear();
        state.budget = None;
        if cut {
            state.links.drain(..).for_each(|link| link.cut());
        }
        state.held = false;
        drop(state);
        self.shared.healed.notify_all();
    }

    /// How often traps were sprung.
    pub(super) fn sprung(&self) -> &Sprung {
        &self.shared.sprung
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        self.heal(true);
        let _ = TcpStream::connect(("127.0.0.1", self.port)); // wakes whoever accepts
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join(); // it has nothing to tell
        }
    }
}

fn serve(shared: &Arc<Shared>, client: TcpStream) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let server = UnixStream::connect(&shared.socket)?;
    let link = Arc::new(Link { client: client.try_clone()?, server: server.try_clone()?, answer: Mutex::new(Trap::Pass) });
    shared.state().links.push(link.clone());
    let (from, to, up, of) = (client.try_clone()?, server.try_clone()?, shared.clone(), link.clone());
    std::thread::spawn(move || {
        let _ = upstream(&up, &of, from, to); // ends with the connection
        of.cut();
    });
    let down = shared.clone();
    std::thread::spawn(move || {
        let _ = downstream(&down, &link, server, client); // ends with the connection
        link.cut();
        down.state().links.retain(|l| !Arc::ptr_eq(l, &link));
    });
    Ok(())
}

/// From the host to the server. Returns when the connection is to be cut.
fn upstream(shared: &Shared, link: &Link, mut from: TcpStream, mut to: UnixStream) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n = from.read(&mut buffer)?;
        if n == 0 || *link.answer() == Trap::Fatal {
            return Ok(());
        }
        shared.pass();
        let chunk = &buffer[..n];
        if let Some(bytes) = shared.spend(n) {
            to.write_all(&chunk[..bytes])?;
            shared.sprung.bytes.fetch_add(1, Ordering::SeqCst);
            return Ok(());
        }
        let trap = match chunk.windows(COMMIT.len()).position(|w| w == COMMIT) {
            Some(at) => shared.state().traps.pop_front().map(|trap| (at, trap)),
            None => None,
        };
        match trap {
            None | Some((_, Trap::Pass)) => {}
            Some((at, Trap::Never)) => {
                to.write_all(&chunk[..at])?;
                shared.sprung.never.fetch_add(1, Ordering::SeqCst);
                return Ok(());
            }
            Some((at, Trap::Torn(bytes))) => {
                to.write_all(&chunk[..(at + bytes).min(n)])?;
                shared.sprung.torn.fetch_add(1, Ordering::SeqCst);
                return Ok(());
            }
            Some((_, trap @ (Trap::Lost | Trap::Fatal))) => *link.answer() = trap,
            Some((_, Trap::Hold)) => {
                shared.state().held = true;
                shared.pass();
            }
        }
        to.write_all(chunk)?;
    }
}

/// From the server to the host. Returns when the connection is to be cut.
fn downstream(shared: &Shared, link: &Link, mut from: UnixStream, mut to: TcpStream) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n = from.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        shared.pass();
        let trap = *link.answer();
        match trap {
            Trap::Lost => {
                shared.sprung.lost.fetch_add(1, Ordering::SeqCst);
                return Ok(());
            }
            Trap::Fatal => {
                shared.sprung.fatal.fetch_add(1, Ordering::SeqCst);
                to.write_all(FATAL)?;
                // A pooler says so first and closes then: the host hears the one before it sees the other.
                std::thread::sleep(Duration::from_millis(20));
                return Ok(());
            }
            _ => to.write_all(&buffer[..n])?,
        }
    }
}
