//! The face of a [`Disk`] towards SQLite: a VFS that behaves as SQLite's own for Unix does (locks, shared memory,
//! when a directory is synced) for paths below a mount point, and passes everything else on to that one.
#![expect(unsafe_code, reason = "SQLite calls a VFS through C function pointers")]

use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::ptr::null_mut;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rusqlite::Connection;
use rusqlite::ffi::{self, SQLITE_OK, sqlite3_file, sqlite3_int64, sqlite3_vfs};

use super::disk::{Disk, FileNo, Shared};

/// Which disk is mounted where. Open files stay on the disk they were opened on.
static MOUNTED: Mutex<Option<HashMap<PathBuf, Arc<Disk>>>> = Mutex::new(None);

/// Mounts `disk` at `place`, in the stead of what was mounted there.
pub(super) fn mount(place: &Path, disk: &Arc<Disk>) {
    let mut mounted = MOUNTED.lock().unwrap_or_else(PoisonError::into_inner); // an insertion is whole or not begun
    mounted.get_or_insert_default().insert(place.to_owned(), disk.clone());
}

fn disk_of(path: &str) -> Option<Arc<Disk>> {
    let mounted = MOUNTED.lock().unwrap_or_else(PoisonError::into_inner);
    mounted.as_ref()?.get(Path::new(path).parent()?).cloned()
}

/// Makes this VFS the one that connections use, until dropped.
pub(super) struct InPlace(());

/// A VFS whose address SQLite keeps for good.
struct Registered(*mut sqlite3_vfs);
// SAFETY: SQLite itself uses the registered structure from every thread and never writes to it but for its list.
unsafe impl Send for Registered {}
// SAFETY: as above.
unsafe impl Sync for Registered {}

impl InPlace {
    pub(super) fn put() -> Self {
        static OURS: OnceLock<Registered> = OnceLock::new();
        let ours = OURS.get_or_init(|| {
            // SAFETY: the default VFS exists once SQLite is initialised, which finding it does; the copy lives for good.
            unsafe {
                let real = ffi::sqlite3_vfs_find(null_mut());
                let ours = sqlite3_vfs {
                    szOsFile: (*real).szOsFile.max(size_of::<Opened>() as c_int),
                    pNext: null_mut(),
                    zName: c"power-loss".as_ptr(),
                    pAppData: real.cast(),
                    xOpen: Some(open),
                    xDelete: Some(delete),
                    xAccess: Some(access),
                    xFullPathname: Some(full_path),
                    ..*real
                };
                Registered(Box::into_raw(Box::new(ours)))
            }
        });
        // SAFETY: a whole VFS that lives for good.
        unsafe { ffi::sqlite3_vfs_register(ours.0, 1) };
        Self(())
    }
}

impl Drop for InPlace {
    fn drop(&mut self) {
        // SAFETY: SQLite's own VFS, registered before; registering it again makes it the default.
        unsafe { ffi::sqlite3_vfs_register(ffi::sqlite3_vfs_find(c"unix".as_ptr()), 1) };
    }
}

/// Shows every byte of the database as the connection sees it.
pub(super) fn see<R>(conn: &Connection, look: impl FnOnce(&[u8]) -> R) -> R {
    let mut len: sqlite3_int64 = 0;
    // SAFETY: the connection is open; SQLite hands out a buffer of `len` bytes that is ours to free.
    unsafe {
        let bytes = ffi::sqlite3_serialize(conn.handle(), c"main".as_ptr(), &raw mut len, 0);
        if bytes.is_null() {
            return look(&[]);
        }
        let seen = look(std::slice::from_raw_parts(bytes, len as usize));
        ffi::sqlite3_free(bytes.cast());
        seen
    }
}

/// An open file, in the memory that SQLite provides for it.
#[repr(C)]
struct Opened {
    base: sqlite3_file,
    handle: *mut Handle,
}

struct Handle {
    disk: Arc<Disk>,
    file: FileNo,
    /// Whether the next sync has to sync the directory too.
    named_lately: bool,
    delete_at_close: Option<String>,
    lock: c_int,
    /// Whether it takes part in the shared memory, and which slots it holds: together with others, alone.
    mapped: bool,
    together: u8,
    alone: u8,
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved),
    xFileControl: Some(control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// SAFETY: the caller is SQLite with the VFS registered above.
unsafe fn real(vfs: *mut sqlite3_vfs) -> *mut sqlite3_vfs {
    // SAFETY: `pAppData` was set to it when ours was made.
    unsafe { (*vfs).pAppData.cast() }
}

/// SAFETY: `name` is a C string or null.
unsafe fn text<'a>(name: *const c_char) -> Option<&'a str> {
    // SAFETY: as the caller says.
    if name.is_null() { None } else { unsafe { CStr::from_ptr(name) }.to_str().ok() }
}

/// SAFETY: `file` was opened by [`open`] on one of our disks, and SQLite uses a file from one thread at a time.
unsafe fn handle<'a>(file: *mut sqlite3_file) -> &'a mut Handle {
    // SAFETY: as above; the handle lives until [`close`].
    unsafe { &mut *(*file.cast::<Opened>()).handle }
}

unsafe extern "C" fn open(vfs: *mut sqlite3_vfs, name: *const c_char, file: *mut sqlite3_file, flags: c_int, out: *mut c_int) -> c_int {
    // SAFETY: SQLite passes a name, room for `szOsFile` bytes and a place for flags or null, as its VFS interface says.
    unsafe {
        let Some((path, disk)) = text(name).and_then(|path| Some((path, disk_of(path)?))) else {
            let real = real(vfs);
            return (*real).xOpen.map_or(ffi::SQLITE_CANTOPEN, |open| open(real, name, file, flags, out));
        };
        let may_create = flags & ffi::SQLITE_OPEN_CREATE != 0;
        let no = {
            let mut state = disk.lock();
            match state.names.get(path) {
                Some(&no) => no,
                None if may_create => state.create(path),
                None => {
                    (*file).pMethods = std::ptr::null();
                    return ffi::SQLITE_CANTOPEN;
                }
            }
        };
        let journal = ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL | ffi::SQLITE_OPEN_WAL;
        let handle = Handle {
            disk,
            file: no,
            named_lately: may_create && flags & journal != 0,
            delete_at_close: (flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0).then(|| path.to_owned()),
            lock: ffi::SQLITE_LOCK_NONE,
            mapped: false,
            together: 0,
            alone: 0,
        };
        file.cast::<Opened>()
            .write(Opened { base: sqlite3_file { pMethods: &raw const METHODS }, handle: Box::into_raw(Box::new(handle)) });
        if !out.is_null() {
            *out = flags;
        }
        SQLITE_OK
    }
}

unsafe extern "C" fn delete(vfs: *mut sqlite3_vfs, name: *const c_char, sync_directory: c_int) -> c_int {
    // SAFETY: SQLite passes a name.
    unsafe {
        let Some((path, disk)) = text(name).and_then(|path| Some((path, disk_of(path)?))) else {
            let real = real(vfs);
            return (*real).xDelete.map_or(ffi::SQLITE_IOERR, |delete| delete(real, name, sync_directory));
        };
        if disk.lock().delete(path, sync_directory & 1 != 0) { SQLITE_OK } else { ffi::SQLITE_IOERR_DELETE_NOENT }
    }
}

unsafe extern "C" fn access(vfs: *mut sqlite3_vfs, name: *const c_char, flags: c_int, out: *mut c_int) -> c_int {
    // SAFETY: SQLite passes a name and a place for the answer.
    unsafe {
        let Some((path, disk)) = text(name).and_then(|path| Some((path, disk_of(path)?))) else {
            let real = real(vfs);
            return (*real).xAccess.map_or(ffi::SQLITE_IOERR, |access| access(real, name, flags, out));
        };
        let state = disk.lock();
        // As on Unix: an empty file counts as none.
        let there = state.names.get(path).is_some_and(|&no| flags != ffi::SQLITE_ACCESS_EXISTS || state.files[no].len() > 0);
        *out = c_int::from(there);
        SQLITE_OK
    }
}

unsafe extern "C" fn full_path(vfs: *mut sqlite3_vfs, name: *const c_char, room: c_int, out: *mut c_char) -> c_int {
    // SAFETY: SQLite passes a name and `room` bytes for the answer.
    unsafe {
        if text(name).is_none_or(|path| disk_of(path).is_none()) {
            let real = real(vfs);
            return (*real).xFullPathname.map_or(ffi::SQLITE_CANTOPEN, |full| full(real, name, room, out));
        }
        let bytes = CStr::from_ptr(name).to_bytes_with_nul();
        if bytes.len() > room as usize {
            return ffi::SQLITE_CANTOPEN;
        }
        std::ptr::copy_nonoverlapping(bytes.as_ptr().cast(), out, bytes.len());
        SQLITE_OK
    }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite closes what we opened, once.
    let mut handle = unsafe { Box::from_raw((*file.cast::<Opened>()).handle) };
    handle.unlock(ffi::SQLITE_LOCK_NONE);
    handle.unmap();
    if let Some(path) = &handle.delete_at_close {
        handle.disk.lock().delete(path, false);
    }
    SQLITE_OK
}

unsafe extern "C" fn read(file: *mut sqlite3_file, into: *mut c_void, len: c_int, at: sqlite3_int64) -> c_int {
    // SAFETY: SQLite passes room for `len` bytes.
    let (handle, into) = unsafe { (handle(file), std::slice::from_raw_parts_mut(into.cast::<u8>(), len as usize)) };
    let there = handle.disk.lock().files[handle.file].read(at as usize, into);
    if there < into.len() {
        into[there..].fill(0);
        return ffi::SQLITE_IOERR_SHORT_READ;
    }
    SQLITE_OK
}

unsafe extern "C" fn write(file: *mut sqlite3_file, bytes: *const c_void, len: c_int, at: sqlite3_int64) -> c_int {
    // SAFETY: SQLite passes `len` bytes.
    let (handle, bytes) = unsafe { (handle(file), std::slice::from_raw_parts(bytes.cast::<u8>(), len as usize)) };
    handle.disk.lock().write(handle.file, at as usize, bytes);
    SQLITE_OK
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, len: sqlite3_int64) -> c_int {
    // SAFETY: an open file of ours.
    let handle = unsafe { handle(file) };
    handle.disk.lock().truncate(handle.file, len as usize);
    SQLITE_OK
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, _: c_int) -> c_int {
    // SAFETY: an open file of ours.
    let handle = unsafe { handle(file) };
    handle.disk.lock().sync(handle.file, handle.named_lately);
    handle.named_lately = false;
    SQLITE_OK
}

unsafe extern "C" fn size(file: *mut sqlite3_file, out: *mut sqlite3_int64) -> c_int {
    // SAFETY: an open file of ours, and a place for the answer.
    unsafe {
        let handle = handle(file);
        *out = handle.disk.lock().files[handle.file].len() as sqlite3_int64;
    }
    SQLITE_OK
}

impl Handle {
    /// Runs on what the connections to this database share.
    fn shared<R>(&self, run: impl FnOnce(&mut Shared) -> R) -> R {
        run(self.disk.lock().shared.entry(self.file).or_default())
    }

    fn lock(&mut self, wanted: c_int) -> c_int {
        let held = self.lock;
        if held >= wanted {
            return SQLITE_OK;
        }
        let got = self.shared(|s| match wanted {
            ffi::SQLITE_LOCK_SHARED if s.pending || s.exclusive => held,
            ffi::SQLITE_LOCK_SHARED => {
                s.readers += 1;
                wanted
            }
            ffi::SQLITE_LOCK_RESERVED if s.reserved => held,
            ffi::SQLITE_LOCK_RESERVED => {
                s.reserved = true;
                wanted
            }
            // Somebody else is about to write.
            _ if (s.reserved && held < ffi::SQLITE_LOCK_RESERVED) || (s.pending && held < ffi::SQLITE_LOCK_PENDING) => held,
            _ => {
                s.pending = true;
                if s.readers > 1 {
                    ffi::SQLITE_LOCK_PENDING
                } else {
                    s.exclusive = true;
                    ffi::SQLITE_LOCK_EXCLUSIVE
                }
            }
        });
        // From shared to exclusive, as after a crash, nothing is reserved: whoever lets go says so by its level.
        self.lock = got;
        if got == wanted { SQLITE_OK } else { ffi::SQLITE_BUSY }
    }

    fn unlock(&mut self, to: c_int) {
        let held = self.lock;
        if held <= to {
            return;
        }
        self.shared(|s| {
            if held >= ffi::SQLITE_LOCK_PENDING {
                (s.pending, s.exclusive, s.reserved) = (false, false, false);
            } else if held == ffi::SQLITE_LOCK_RESERVED {
                s.reserved = false;
            }
            if to == ffi::SQLITE_LOCK_NONE {
                s.readers -= 1;
            }
        });
        self.lock = to;
    }

    /// Leaves the shared memory; the last to leave takes it away.
    fn unmap(&mut self) {
        if !std::mem::take(&mut self.mapped) {
            return;
        }
        let (together, alone) = (std::mem::take(&mut self.together), std::mem::take(&mut self.alone));
        self.shared(|s| {
            for (slot, count) in s.slots.iter_mut().enumerate() {
                if alone & 1 << slot != 0 {
                    *count = 0;
                } else if together & 1 << slot != 0 {
                    *count -= 1;
                }
            }
            s.mapped -= 1;
            if s.mapped == 0 {
                s.regions.clear();
            }
        });
    }
}

unsafe extern "C" fn lock(file: *mut sqlite3_file, wanted: c_int) -> c_int {
    // SAFETY: an open file of ours.
    unsafe { handle(file) }.lock(wanted)
}

unsafe extern "C" fn unlock(file: *mut sqlite3_file, to: c_int) -> c_int {
    // SAFETY: an open file of ours.
    unsafe { handle(file) }.unlock(to);
    SQLITE_OK
}

unsafe extern "C" fn check_reserved(file: *mut sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: an open file of ours, and a place for the answer.
    unsafe { *out = c_int::from(handle(file).shared(|s| s.reserved || s.pending || s.exclusive)) };
    SQLITE_OK
}

/// Swallows `PRAGMA wal_autocheckpoint`: SQLite's own thousand pages stand, and short lives meet checkpoints.
unsafe extern "C" fn control(_: *mut sqlite3_file, what: c_int, argument: *mut c_void) -> c_int {
    if what == ffi::SQLITE_FCNTL_PRAGMA {
        // SAFETY: with this code SQLite hands over an array of C strings; the second is the pragma's name.
        let name = unsafe { text(*argument.cast::<*const c_char>().add(1)) };
        if name == Some("wal_autocheckpoint") {
            return SQLITE_OK;
        }
    }
    ffi::SQLITE_NOTFOUND
}

/// As SQLite's own for Unix says.
unsafe extern "C" fn sector_size(_: *mut sqlite3_file) -> c_int {
    4096
}

/// As SQLite's own for Unix says: a torn write leaves its neighbours alone.
unsafe extern "C" fn characteristics(_: *mut sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn shm_map(file: *mut sqlite3_file, region: c_int, len: c_int, extend: c_int, out: *mut *mut c_void) -> c_int {
    // SAFETY: an open file of ours, and a place for the answer.
    let (handle, out) = unsafe { (handle(file), &mut *out) };
    let joins = !std::mem::replace(&mut handle.mapped, true);
    *out = handle.shared(|s| {
        s.mapped += usize::from(joins);
        let region = region as usize;
        if extend != 0 {
            while s.regions.len() <= region {
                s.regions.push(vec![0; len as usize / 8].into());
            }
        }
        s.regions.get_mut(region).map_or(null_mut(), |r| r.as_mut_ptr().cast())
    });
    SQLITE_OK
}

unsafe extern "C" fn shm_lock(file: *mut sqlite3_file, first: c_int, n: c_int, flags: c_int) -> c_int {
    // SAFETY: an open file of ours.
    let handle = unsafe { handle(file) };
    let slots = first as usize..(first + n) as usize;
    let mask = slots.clone().fold(0u8, |mask, slot| mask | 1 << slot);
    let (together, alone) = (handle.together, handle.alone);
    let exclusive = flags & ffi::SQLITE_SHM_EXCLUSIVE != 0;
    let got = handle.shared(|s| {
        let counts = &mut s.slots[slots.clone()];
        if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
            for (slot, count) in slots.clone().zip(counts) {
                if alone & 1 << slot != 0 {
                    *count = 0;
                } else if together & 1 << slot != 0 {
                    *count -= 1;
                }
            }
            true
        } else if exclusive {
            let free = counts.iter().all(|c| *c == 0);
            if free {
                counts.fill(-1);
            }
            free
        } else {
            let free = counts.iter().all(|c| *c >= 0);
            // SQLite asks for a slot it holds already only to keep it.
            if free && together & mask == 0 {
                counts.iter_mut().for_each(|c| *c += 1);
            }
            free
        }
    });
    if !got {
        return ffi::SQLITE_BUSY;
    }
    if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
        (handle.together, handle.alone) = (together & !mask, alone & !mask);
    } else if exclusive {
        handle.alone |= mask;
    } else {
        handle.together |= mask;
    }
    SQLITE_OK
}

unsafe extern "C" fn shm_barrier(_: *mut sqlite3_file) {
    fence(Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(file: *mut sqlite3_file, _: c_int) -> c_int {
    // SAFETY: an open file of ours.
    unsafe { handle(file) }.unmap();
    SQLITE_OK
}
