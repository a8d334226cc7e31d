//! A library that is loaded into the programs of a traced run. It makes noting which files they read cheap: where a
//! program opens a file through the C library only to read it, the note goes into memory that the tracer shares
//! (`shape::Table`), instead of the call waiting until the tracer has looked. Every other call, and every call of
//! programs that do not load this, takes the slow way and is seen all the same.
//!
//! It uses no library, allocates nothing and takes no lock, so that it works in signal handlers and between fork and exec.
//! A program behaves as without it: the same results, the same `errno`.

#![no_std]

use core::arch::asm;
use core::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
use core::ffi::{c_char, c_int, c_uint, c_void};
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

mod calls;
mod directory;
mod later;
#[path = "../src/trace/notes/shape.rs"]
mod shape;

use calls::{
    AT_FDCWD, EINTR, ELOOP, ENOENT, ENOTDIR, How, O_CLOEXEC, O_OTHER, O_RDWR, RESOLVE_NO_SYMLINKS, SYS_CLOSE,
    SYS_CLOSE_RANGE, SYS_DUP2, SYS_DUP3, SYS_FSTAT, SYS_GETPID, SYS_MMAP, SYS_OPENAT, SYS_OPENAT2, SYS_READLINK, Stat,
    open_by, pass, plain, stat_of,
};
use directory::working_directory;
use shape::{FREE, GIVEN_UP, MARK, NAME_BYTES, NAMED, NOTED, Slot, TURN_BITS, Table, VARIABLE};

// Symbols of the C library that the program uses. One that is not there is 0.
core::arch::global_asm!(".weak dlsym", ".weak environ", ".weak __errno_location");

// What the compiler calls for copies of memory. Hidden: nobody else must get them instead of their own.
core::arch::global_asm!(
    ".globl memcpy, memset, strlen",
    ".hidden memcpy, memset, strlen",
    "memcpy: mov rax, rdi",
    "mov rcx, rdx",
    "rep movsb",
    "ret",
    "memset: mov r8, rdi",
    "mov eax, esi",
    "mov rcx, rdx",
    "rep stosb",
    "mov rax, r8",
    "ret",
    "strlen: mov rax, rdi",
    "2: cmp byte ptr [rax], 0",
    "lea rax, [rax + 1]",
    "jne 2b",
    "sub rax, rdi",
    "dec rax",
    "ret",
);

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    fn __errno_location() -> *mut c_int;
    static environ: *const *const u8;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: ends the process, as an abort does. Nothing here panics.
    unsafe { asm!("ud2", options(noreturn)) }
}

/// What a function of the C library returns.
fn returned(result: isize) -> c_int {
    if result >= 0 {
        return result as c_int;
    }
    // SAFETY: it is this thread's own.
    unsafe {
        if __errno_location as *const () as usize != 0 {
            *__errno_location() = -result as c_int;
        }
    }
    -1
}

/// The table, once it is found.
static TABLE: AtomicPtr<Table> = AtomicPtr::new(ptr::null_mut());
/// The process that this was loaded into: its children by fork have another number.
static PROCESS: AtomicU64 = AtomicU64::new(0);

#[used]
#[unsafe(link_section = ".init_array")]
static BEGIN: extern "C" fn() = begin;

extern "C" fn begin() {
    find_next();
    // SAFETY: it looks at the variables before the program runs, so nobody changes them meanwhile.
    if let Some(table) = unsafe { variable().and_then(|value| find_table(value)) } {
        // SAFETY: a plain system call.
        PROCESS.store(unsafe { pass(SYS_GETPID, 0, 0, 0, 0) } as u64, Ordering::Relaxed);
        TABLE.store(table, Ordering::Release);
    }
}

/// The value of the variable that says where the table is.
unsafe fn variable() -> Option<*const u8> {
    // SAFETY: the list and each text in it end with a zero, which nothing here goes past.
    unsafe {
        let mut next = (&raw const environ).as_ref().copied().filter(|list| !list.is_null())?;
        while !(*next).is_null() {
            let mut text = *next;
            let is_name = VARIABLE.bytes().chain([b'=']).all(|byte| {
                let is_same = *text == byte;
                text = text.add(usize::from(is_same));
                is_same
            });
            if is_name {
                return Some(text);
            }
            next = next.add(1);
        }
    }
    None
}

/// Maps the table that `PROCESS/DESCRIPTOR/INODE` names.
unsafe fn find_table(value: *const u8) -> Option<*mut Table> {
    // SAFETY: the text ends with a zero; everything else is checked before it is used.
    unsafe {
        let (process, rest) = number(value)?;
        let (descriptor, rest) = number((*rest == b'/').then(|| rest.add(1))?)?;
        let (inode, rest) = number((*rest == b'/').then(|| rest.add(1))?)?;
        let mut path = [0; 64];
        let mut length = 0;
        for part in [&b"/proc/"[..], &digits(process), b"/fd/", &digits(descriptor)] {
            for byte in part.iter().filter(|byte| **byte != 0) {
                path[length] = *byte;
                length += 1;
            }
        }
        let how = How { flags: O_RDWR | O_CLOEXEC as u64, mode: 0, resolve: 0 };
        let fd = open_by(AT_FDCWD, path.as_ptr(), &how);
        let fd = usize::try_from(fd).ok().filter(|_| *rest == 0)?;
        let stat = stat_of(fd);
        let is_it = stat.is_some_and(|stat| stat.inode == inode && stat.size == size_of::<Table>() as i64);
        let (read_and_write, shared) = (3, 1);
        let mapped = plain(SYS_MMAP, [0, if is_it { size_of::<Table>() } else { 0 }, read_and_write, shared, fd, 0]);
        pass(SYS_CLOSE, fd, 0, 0, 0);
        let table = (mapped > 0).then_some(mapped as *mut Table)?;
        ((*table).mark.load(Ordering::Relaxed) == MARK).then_some(table)
    }
}

unsafe fn number(mut text: *const u8) -> Option<(u64, *const u8)> {
    let mut value: Option<u64> = None;
    // SAFETY: the text ends with a zero.
    unsafe {
        while (*text).is_ascii_digit() {
            value = Some(value.unwrap_or(0).wrapping_mul(10).wrapping_add(u64::from(*text - b'0')));
            text = text.add(1);
        }
    }
    value.map(|value| (value, text))
}

/// The digits of a number, after zero bytes.
fn digits(mut number: u64) -> [u8; 20] {
    let mut digits = [0; 20];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    digits
}

/// The table; `None` before it is found and where there is none.
fn table() -> Option<&'static Table> {
    // SAFETY: a table stays mapped for as long as the process lives.
    unsafe { TABLE.load(Ordering::Acquire).as_ref() }
}

/// Who will know the descriptor of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    /// The program, which closes it by a function that is seen here.
    Program,
    /// The C library itself.
    Library,
}

/// Opens a file that is only to be read, and notes it; `None` when this is for the C library to do.
unsafe fn open_to_read(directory: c_int, path: *const u8, flags: c_int, user: For) -> Option<c_int> {
    if flags & O_OTHER != 0 {
        return None;
    }
    let table = table()?;
    let slot = table.slots.get(table.taken.load(Ordering::Acquire) as u32 as usize)?;
    // The tracer had it last, so it comes from another core: by the time that the file is open it will be here.
    // SAFETY: it changes nothing.
    unsafe { _mm_prefetch::<_MM_HINT_ET0>(ptr::from_ref(slot).cast()) };
    let mut how = How { flags: u64::from(flags as u32), mode: 0, resolve: RESOLVE_NO_SYMLINKS };
    // SAFETY: the kernel checks the path.
    let mut fd = unsafe { open_by(directory, path, &how) };
    let is_by_link = fd == ELOOP;
    if is_by_link {
        how.resolve = 0;
        // SAFETY: as above.
        fd = unsafe { open_by(directory, path, &how) };
    }
    match fd {
        0.. => {}
        ENOENT | ENOTDIR | EINTR => return Some(returned(fd)),
        // Also where this call is not known or not allowed.
        _ => return None,
    }
    let fd = fd as c_int;
    let is_named_alone = user == For::Program && !is_by_link && later::will_ask(fd);
    let stat = if is_named_alone { None } else { stat_of(fd as usize) };
    let noted = match &stat {
        Some(stat) if !stat.is_file() => true,
        None if !is_named_alone => false,
        // SAFETY: the kernel has read the path: it ends with a zero.
        stat => match unsafe { note_by(table, stat.as_ref(), directory, path, fd, is_by_link) } {
            Some(taken) if is_named_alone => {
                later::noted_by_name(fd, taken);
                true
            }
            taken => taken.is_some(),
        },
    };
    if !noted {
        // The kernel refuses this call for its size; but first the tracer is asked, who looks what is opened by it.
        // SAFETY: as above.
        unsafe { plain(SYS_OPENAT2, [directory as usize, path as usize, ptr::from_ref(&how) as usize, 0, 0, 0]) };
    }
    if user == For::Program && !(noted && is_named_alone) {
        later::noted_whole(fd);
    }
    Some(fd)
}

/// Finds the real name of a file and notes it, with the state if it is known. Returns what was the count of taken slots;
/// `None` when it cannot be done here.
unsafe fn note_by(
    table: &Table,
    stat: Option<&Stat>,
    directory: c_int,
    path: *const u8,
    fd: c_int,
    is_by_link: bool,
) -> Option<u64> {
    // SAFETY: the path ends with a zero.
    let first = unsafe { *path };
    if is_by_link || (first != b'/' && directory != AT_FDCWD) {
        return note(table, stat, &[], real_name(fd, &mut MaybeUninit::uninit())?);
    }
    let mut length = 0;
    // SAFETY: as above.
    let path = unsafe {
        while *path.add(length) != 0 {
            length += 1;
        }
        core::slice::from_raw_parts(path, length)
    };
    if first == b'/' {
        return note(table, stat, &[], path);
    }
    note(table, stat, working_directory(table, &mut MaybeUninit::uninit())?, path)
}

/// What the kernel calls a file that is open here.
fn real_name(fd: c_int, name: &mut MaybeUninit<[u8; NAME_BYTES]>) -> Option<&[u8]> {
    let mut link = *b"/proc/self/fd/\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let digits = digits(fd as u64);
    let start = digits.iter().position(|digit| *digit != 0)?;
    link[14..14 + digits.len() - start].copy_from_slice(&digits[start..]);
    // SAFETY: the kernel writes as far as the buffer goes, and says how far.
    unsafe {
        let length = pass(SYS_READLINK, link.as_ptr() as usize, name.as_mut_ptr() as usize, NAME_BYTES, 0);
        // One that fills the buffer may go on.
        let length = usize::try_from(length).ok().filter(|length| *length < NAME_BYTES)?;
        Some(core::slice::from_raw_parts(name.as_ptr().cast(), length)).filter(|name| name.starts_with(b"/"))
    }
}

/// Fills the next slot. Returns what was the count of taken slots; `None` when there is none left, or the name is too
/// long.
fn note(table: &Table, stat: Option<&Stat>, base: &[u8], path: &[u8]) -> Option<u64> {
    let length = base.len() + path.len();
    if length > NAME_BYTES {
        return None;
    }
    let (taken, slot) = take(table)?;
    let place = (&raw const slot.file).cast_mut();
    // SAFETY: the slot is this thread's until it is marked. Should it have been given up meanwhile, nobody reads it.
    unsafe {
        (&raw mut (*place).name_bytes).write(length as u32);
        if let Some(stat) = stat {
            fill_in(slot, stat);
        }
        let name = (&raw mut (*place).name).cast::<u8>();
        ptr::copy_nonoverlapping(base.as_ptr(), name, base.len());
        ptr::copy_nonoverlapping(path.as_ptr(), name.add(base.len()), path.len());
    }
    let state = if stat.is_some() { NOTED } else { in_turn(NAMED, taken) };
    slot.state.compare_exchange(FREE, state, Ordering::Release, Ordering::Relaxed).is_ok().then_some(taken)
}

/// The mark of a slot that was taken when `taken` was the count.
const fn in_turn(state: u32, taken: u64) -> u32 {
    state | ((taken >> 32) as u32) << TURN_BITS
}

/// Writes the state of a file.
///
/// # Safety
/// Nobody else fills this slot or reads it.
unsafe fn fill_in(slot: &Slot, stat: &Stat) {
    let place = (&raw const slot.file).cast_mut();
    // SAFETY: as the caller says.
    unsafe {
        (&raw mut (*place).size).write(stat.size as u64);
        (&raw mut (*place).modified).write(stat.modified[0]);
        (&raw mut (*place).changed).write(stat.changed[0]);
        (&raw mut (*place).modified_nanos).write(stat.modified[1] as u32);
        (&raw mut (*place).changed_nanos).write(stat.changed[1] as u32);
    }
}

fn take(table: &Table) -> Option<(u64, &Slot)> {
    let mut taken = table.taken.load(Ordering::Acquire);
    loop {
        let slot = table.slots.get(taken as u32 as usize)?;
        match table.taken.compare_exchange_weak(taken, taken + 1, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) if slot.state.load(Ordering::Acquire) != GIVEN_UP => return Some((taken, slot)),
            Ok(_) => taken = table.taken.load(Ordering::Acquire),
            Err(now) => taken = now,
        }
    }
}

/// Defines functions of the C library: `own` looks first, and unless it has done everything the next library that has
/// the function is called, which is the C library or something that a person put before it.
macro_rules! functions {
    ($($name:ident $text:literal $next:ident ($($argument:ident: $type:ty),*) -> $result:ty { $own:expr } else { $raw:expr })*) => {
        $(
            static $next: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

            /// # Safety
            /// As the function of the C library that has this name.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name($($argument: $type),*) -> $result {
                // SAFETY: the arguments are those that the program gave.
                unsafe {
                    if let Some(result) = $own {
                        return result;
                    }
                    let next = $next.load(Ordering::Relaxed);
                    if next.is_null() {
                        // Before the libraries are ready, or without one that could be asked.
                        return $raw;
                    }
                    let next: unsafe extern "C" fn($($type),*) -> $result = core::mem::transmute(next);
                    next($($argument),*)
                }
            }
        )*

        fn find_next() {
            let next = usize::MAX as *mut c_void;
            // SAFETY: the names end with a zero.
            unsafe {
                if dlsym as *const () as usize == 0 {
                    return;
                }
                $($next.store(dlsym(next, concat!($text, "\0").as_ptr().cast()), Ordering::Relaxed);)*
            }
        }
    };
}

unsafe fn raw(directory: c_int, path: *const u8, flags: c_int, mode: u32) -> c_int {
    // SAFETY: the kernel checks the path.
    returned(unsafe { plain(SYS_OPENAT, [directory as usize, path as usize, flags as usize, mode as usize, 0, 0]) })
}

unsafe fn raw_stat(fd: c_int, stat: *mut Stat) -> c_int {
    // SAFETY: the kernel checks the place.
    returned(unsafe { plain(SYS_FSTAT, [fd as usize, stat as usize, 0, 0, 0, 0]) })
}

/// Something was done before, and the C library does the rest.
fn then_next<T>((): ()) -> Option<T> {
    None
}

/// `fopen` for modes that only read.
unsafe fn stream(path: *const u8, mode: *const u8) -> Option<*mut c_void> {
    // SAFETY: a mode ends with a zero.
    unsafe {
        let open_stream = NEXT_FDOPEN.load(Ordering::Relaxed);
        if open_stream.is_null() || *mode != b'r' {
            return None;
        }
        let open_stream: unsafe extern "C" fn(c_int, *const u8) -> *mut c_void = core::mem::transmute(open_stream);
        let (mut flags, mut next) = (0, mode.add(1));
        loop {
            match *next {
                0 => break,
                b'b' => {}
                b'e' => flags |= O_CLOEXEC,
                _ => return None,
            }
            next = next.add(1);
        }
        let fd = open_to_read(AT_FDCWD, path, flags, For::Library)?;
        Some(if fd < 0 { ptr::null_mut() } else { open_stream(fd, mode) })
    }
}

functions! {
    open "open" NEXT_OPEN (path: *const u8, flags: c_int, mode: u32) -> c_int
        { open_to_read(AT_FDCWD, path, flags, For::Program) } else { raw(AT_FDCWD, path, flags, mode) }
    open64 "open64" NEXT_OPEN64 (path: *const u8, flags: c_int, mode: u32) -> c_int
        { open_to_read(AT_FDCWD, path, flags, For::Program) } else { raw(AT_FDCWD, path, flags, mode) }
    openat "openat" NEXT_OPENAT (directory: c_int, path: *const u8, flags: c_int, mode: u32) -> c_int
        { open_to_read(directory, path, flags, For::Program) } else { raw(directory, path, flags, mode) }
    openat64 "openat64" NEXT_OPENAT64 (directory: c_int, path: *const u8, flags: c_int, mode: u32) -> c_int
        { open_to_read(directory, path, flags, For::Program) } else { raw(directory, path, flags, mode) }
    __open_2 "__open_2" NEXT_OPEN_2 (path: *const u8, flags: c_int) -> c_int
        { open_to_read(AT_FDCWD, path, flags, For::Program) } else { raw(AT_FDCWD, path, flags, 0) }
    __open64_2 "__open64_2" NEXT_OPEN64_2 (path: *const u8, flags: c_int) -> c_int
        { open_to_read(AT_FDCWD, path, flags, For::Program) } else { raw(AT_FDCWD, path, flags, 0) }
    __openat_2 "__openat_2" NEXT_OPENAT_2 (directory: c_int, path: *const u8, flags: c_int) -> c_int
        { open_to_read(directory, path, flags, For::Program) } else { raw(directory, path, flags, 0) }
    __openat64_2 "__openat64_2" NEXT_OPENAT64_2 (directory: c_int, path: *const u8, flags: c_int) -> c_int
        { open_to_read(directory, path, flags, For::Program) } else { raw(directory, path, flags, 0) }
    fopen "fopen" NEXT_FOPEN (path: *const u8, mode: *const u8) -> *mut c_void
        { stream(path, mode) } else { ptr::null_mut() }
    fopen64 "fopen64" NEXT_FOPEN64 (path: *const u8, mode: *const u8) -> *mut c_void
        { stream(path, mode) } else { ptr::null_mut() }
    fstat "fstat" NEXT_FSTAT (fd: c_int, stat: *mut Stat) -> c_int
        { later::ask(fd, stat) } else { raw_stat(fd, stat) }
    fstat64 "fstat64" NEXT_FSTAT64 (fd: c_int, stat: *mut Stat) -> c_int
        { later::ask(fd, stat) } else { raw_stat(fd, stat) }
    // As programs call it that were built with older C libraries.
    __fxstat "__fxstat" NEXT_FXSTAT (version: c_int, fd: c_int, stat: *mut Stat) -> c_int
        { later::ask(fd, stat) } else { raw_stat(fd, stat) }
    __fxstat64 "__fxstat64" NEXT_FXSTAT64 (version: c_int, fd: c_int, stat: *mut Stat) -> c_int
        { later::ask(fd, stat) } else { raw_stat(fd, stat) }
    close "close" NEXT_CLOSE (fd: c_int) -> c_int
        { then_next(later::forget(fd)) } else { returned(plain(SYS_CLOSE, [fd as usize, 0, 0, 0, 0, 0])) }
    dup2 "dup2" NEXT_DUP2 (from: c_int, to: c_int) -> c_int
        { then_next(later::forget(to)) } else { returned(plain(SYS_DUP2, [from as usize, to as usize, 0, 0, 0, 0])) }
    dup3 "dup3" NEXT_DUP3 (from: c_int, to: c_int, flags: c_int) -> c_int
        { then_next(later::forget(to)) }
        else { returned(plain(SYS_DUP3, [from as usize, to as usize, flags as usize, 0, 0, 0])) }
    close_range "close_range" NEXT_CLOSE_RANGE (first: c_uint, last: c_uint, flags: c_int) -> c_int
        { then_next(later::forget_all(first, last)) }
        else { returned(plain(SYS_CLOSE_RANGE, [first as usize, last as usize, flags as usize, 0, 0, 0])) }
    closefrom "closefrom" NEXT_CLOSEFROM (first: c_uint) -> c_int
        { then_next(later::forget_all(first, c_uint::MAX)) }
        else { returned(plain(SYS_CLOSE_RANGE, [first as usize, c_uint::MAX as usize, 0, 0, 0, 0])) }
    // The C library itself will close it.
    fdopen "fdopen" NEXT_FDOPEN (fd: c_int, mode: *const u8) -> *mut c_void
        { then_next(later::forget(fd)) } else { ptr::null_mut() }
}
