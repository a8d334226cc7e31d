//! The filter that the kernel asks at every system call of a traced command: calls that take the path of
//! a file wait until they were seen, all others pass. See seccomp(2), `SECCOMP_RET_USER_NOTIF`.

use super::notes::shape::PASS;

/// A system call that names a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Call {
    Open,
    OpenAt,
    OpenAt2,
    Create,
    Execute,
    ExecuteAt,
    Rename,
    RenameAt,
    Unlink,
    UnlinkAt,
    Link,
    LinkAt,
    Symlink,
    SymlinkAt,
    Truncate,
    /// Of matter to the helper only.
    ChangeDirectory,
    /// Names mean something else from here on, or calls are forbidden: of matter to the helper only.
    Confine,
    /// The same, for one value of the first argument.
    Control,
    /// Whoever opens files through a ring is seen by nobody: programs are told that there are none, and
    /// all of them know how to do without.
    RingSetup,
}

impl Call {
    const fn is_for_helper(self) -> bool {
        matches!(self, Self::ChangeDirectory | Self::Confine | Self::Control)
    }
}

/// One architecture whose programs this kernel can run: its audit number, and its calls by number.
struct Table {
    audit: u32,
    calls: &'static [(u32, Call)],
}

const IO_URING_SETUP: u32 = 425;
const OPENAT2: u32 = 437;

#[cfg(target_arch = "x86_64")]
const TABLES: &[Table] = &[
    Table {
        audit: 0xc000_003e,
        calls: &[
            (257, Call::OpenAt),
            (2, Call::Open),
            (OPENAT2, Call::OpenAt2),
            (85, Call::Create),
            (59, Call::Execute),
            (322, Call::ExecuteAt),
            (82, Call::Rename),
            (264, Call::RenameAt),
            (316, Call::RenameAt),
            (87, Call::Unlink),
            (263, Call::UnlinkAt),
            (86, Call::Link),
            (265, Call::LinkAt),
            (88, Call::Symlink),
            (266, Call::SymlinkAt),
            (76, Call::Truncate),
            (80, Call::ChangeDirectory),
            (81, Call::ChangeDirectory),
            (155, Call::Confine), // pivot_root
            (161, Call::Confine), // chroot
            (165, Call::Confine), // mount
            (429, Call::Confine), // move_mount
            (308, Call::Confine), // setns
            (317, Call::Confine), // seccomp
            (157, Call::Control), // prctl
            (IO_URING_SETUP, Call::RingSetup),
        ],
    },
    // Programs of 32 bits.
    Table {
        audit: 0x4000_0003,
        calls: &[
            (295, Call::OpenAt),
            (5, Call::Open),
            (OPENAT2, Call::OpenAt2),
            (8, Call::Create),
            (11, Call::Execute),
            (358, Call::ExecuteAt),
            (38, Call::Rename),
            (302, Call::RenameAt),
            (353, Call::RenameAt),
            (10, Call::Unlink),
            (301, Call::UnlinkAt),
            (9, Call::Link),
            (303, Call::LinkAt),
            (83, Call::Symlink),
            (304, Call::SymlinkAt),
            (92, Call::Truncate),
            (193, Call::Truncate),
            (IO_URING_SETUP, Call::RingSetup),
        ],
    },
];

#[cfg(target_arch = "aarch64")]
const TABLES: &[Table] = &[Table {
    audit: 0xc000_00b7,
    calls: &[
        (56, Call::OpenAt),
        (OPENAT2, Call::OpenAt2),
        (221, Call::Execute),
        (281, Call::ExecuteAt),
        (38, Call::RenameAt),
        (276, Call::RenameAt),
        (35, Call::UnlinkAt),
        (37, Call::LinkAt),
        (36, Call::SymlinkAt),
        (45, Call::Truncate),
        (49, Call::ChangeDirectory),
        (50, Call::ChangeDirectory),
        (41, Call::Confine),  // pivot_root
        (51, Call::Confine),  // chroot
        (40, Call::Confine),  // mount
        (429, Call::Confine), // move_mount
        (268, Call::Confine), // setns
        (277, Call::Confine), // seccomp
        (167, Call::Control), // prctl
        (IO_URING_SETUP, Call::RingSetup),
    ],
}];

/// Numbers of the x32 interface are those of x86-64 with this bit.
const X32_BIT: u32 = 0x4000_0000;

/// The call that a notification is about.
pub(super) fn call(audit: u32, number: i32) -> Option<Call> {
    let table = TABLES.iter().find(|table| table.audit == audit)?;
    let number = number.cast_unsigned() & !X32_BIT;
    table.calls.iter().find(|(known, _)| *known == number).map(|(_, call)| *call)
}

// Offsets in `struct seccomp_data`, for little-endian machines: number, architecture, then six arguments.
const OFFSET_NUMBER: u32 = 0;
const OFFSET_AUDIT: u32 = 4;
const fn offset_of_argument(index: u32) -> u32 {
    16 + 8 * index
}

/// Directories hold no content, and a path descriptor reads none. A file without a name
/// (`O_TMPFILE`) gets one by `linkat`, which is seen.
const FLAGS_PASSED: u32 = (libc::O_DIRECTORY | libc::O_PATH).cast_unsigned();

const fn statement(code: u32, value: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf: 0, k: value }
}

const fn load(offset: u32) -> libc::sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset)
}

const fn answer(action: u32) -> libc::sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, action)
}

fn jump(test: u32, value: u32, when_so: usize, otherwise: usize) -> libc::sock_filter {
    let offset = |steps: usize| u8::try_from(steps).expect("because a table has fewer than 200 calls");
    libc::sock_filter {
        code: (libc::BPF_JMP | test | libc::BPF_K) as u16,
        jt: offset(when_so),
        jf: offset(otherwise),
        k: value,
    }
}

/// The low half of a word that only the helper puts there.
const fn low(word: u64) -> u32 {
    word as u32
}

/// The whole program, `with_helper` in the programs. What passes always is so for every value of the arguments, which the kernel
/// notices and remembers: such calls then cost next to nothing.
pub(super) fn program(with_helper: bool) -> Vec<libc::sock_filter> {
    let mut program = vec![load(OFFSET_AUDIT)];
    for table in TABLES {
        let is_of_matter = |(_, call): &&(u32, Call)| with_helper || !call.is_for_helper();
        let calls: Vec<_> = table.calls.iter().filter(is_of_matter).copied().collect();
        let block = block(&calls, with_helper);
        program.push(jump(libc::BPF_JEQ, table.audit, 0, block.len()));
        program.extend(block);
    }
    program.push(answer(libc::SECCOMP_RET_ALLOW));
    program
}

/// What is decided for one architecture; its last steps are answers only.
fn block(calls: &[(u32, Call)], with_helper: bool) -> Vec<libc::sock_filter> {
    let notify = libc::SECCOMP_RET_USER_NOTIF;
    let refuse = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned();
    let look_at_flags = |argument| {
        [
            load(offset_of_argument(argument)),
            jump(libc::BPF_JSET, FLAGS_PASSED, 0, 1),
            answer(libc::SECCOMP_RET_ALLOW),
            answer(notify),
        ]
    };
    let mut ends = vec![answer(libc::SECCOMP_RET_ALLOW), answer(notify), answer(refuse)];
    let (passes, notifies, refuses, looks_at_1) = (0, 1, 2, ends.len());
    ends.extend(look_at_flags(1));
    let looks_at_2 = ends.len();
    ends.extend(look_at_flags(2));
    let looks_at_words = ends.len();
    ends.extend([
        load(offset_of_argument(4)),
        jump(libc::BPF_JEQ, low(PASS[0]), 0, 3),
        load(offset_of_argument(5)),
        jump(libc::BPF_JEQ, low(PASS[1]), 0, 1),
        answer(libc::SECCOMP_RET_ALLOW),
        answer(notify),
    ]);
    let looks_at_option = ends.len();
    ends.extend([
        load(offset_of_argument(0)),
        jump(libc::BPF_JEQ, libc::PR_SET_SECCOMP.cast_unsigned(), 0, 1),
        answer(notify),
        answer(libc::SECCOMP_RET_ALLOW),
    ]);
    let mut block = vec![load(OFFSET_NUMBER), statement(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, !X32_BIT)];
    for (place, (number, call)) in calls.iter().enumerate() {
        let end = match call {
            Call::Open => looks_at_1,
            Call::OpenAt => looks_at_2,
            Call::RingSetup => refuses,
            Call::OpenAt2 | Call::ChangeDirectory if with_helper => looks_at_words,
            Call::Control => looks_at_option,
            _ => notifies,
        };
        block.push(jump(libc::BPF_JEQ, *number, calls.len() - 1 - place + end, 0));
    }
    debug_assert_eq!(passes, 0, "what is in no table falls through to the first answer");
    block.extend(ends);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel would do, step by step.
    fn run(program: &[libc::sock_filter], number: u32, audit: u32, arguments: [u32; 6]) -> u32 {
        let word = |offset: u32| match offset {
            0 => number,
            4 => audit,
            _ => arguments[((offset - 16) / 8) as usize],
        };
        let (mut at, mut value) = (0, 0);
        loop {
            let step = program[at];
            at += 1;
            let so = match u32::from(step.code) & 0xf7 {
                0x20 => {
                    value = word(step.k);
                    continue;
                }
                0x54 => {
                    value &= step.k;
                    continue;
                }
                0x06 => return step.k,
                0x15 => value == step.k,
                0x45 => value & step.k != 0,
                code => panic!("{code:x}"),
            };
            at += usize::from(if so { step.jt } else { step.jf });
        }
    }

    #[test]
    fn calls_that_name_files_are_seen_and_no_others() {
        let (notify, allow) = (libc::SECCOMP_RET_USER_NOTIF, libc::SECCOMP_RET_ALLOW);
        let refuse = libc::SECCOMP_RET_ERRNO | 38;
        for with_helper in [false, true] {
            let program = program(with_helper);
            for table in TABLES {
                for number in 0..1000 {
                    let found = |arguments| run(&program, number, table.audit, arguments);
                    let plain = found([0; 6]);
                    let with_flags = found([0, FLAGS_PASSED, FLAGS_PASSED, 0, 0, 0]);
                    let with_option = found([22, 0, 0, 0, 0, 0]);
                    let with_words = found([0, 0, 0, 0, low(PASS[0]), low(PASS[1])]);
                    let expected = match call(table.audit, number.cast_signed()) {
                        Some(call) if call.is_for_helper() && !with_helper => [allow; 4],
                        None => [allow; 4],
                        Some(Call::RingSetup) => [refuse; 4],
                        Some(Call::Open | Call::OpenAt) => [notify, allow, notify, notify],
                        Some(Call::OpenAt2 | Call::ChangeDirectory) if with_helper => [notify, notify, notify, allow],
                        Some(Call::Control) => [allow, allow, notify, allow],
                        Some(_) => [notify; 4],
                    };
                    let found = [plain, with_flags, with_option, with_words];
                    assert_eq!(found, expected, "{number} of {:x}", table.audit);
                }
            }
            assert_eq!(run(&program, 257, 0xdead, [0; 6]), allow);
            for half in [[low(PASS[0]), 0], [0, low(PASS[1])]] {
                let found = run(&program, OPENAT2, TABLES[0].audit, [0, 0, 0, 0, half[0], half[1]]);
                assert_eq!(found, notify, "both words or none");
            }
        }
    }

    #[test]
    fn the_numbers_are_those_of_this_machine() {
        let known = |number: libc::c_long| call(TABLES[0].audit, i32::try_from(number).unwrap());
        assert_eq!(known(libc::SYS_openat), Some(Call::OpenAt));
        assert_eq!(known(libc::SYS_openat2), Some(Call::OpenAt2));
        assert_eq!(known(libc::SYS_execve), Some(Call::Execute));
        assert_eq!(known(libc::SYS_execveat), Some(Call::ExecuteAt));
        assert_eq!(known(libc::SYS_renameat2), Some(Call::RenameAt));
        assert_eq!(known(libc::SYS_unlinkat), Some(Call::UnlinkAt));
        assert_eq!(known(libc::SYS_linkat), Some(Call::LinkAt));
        assert_eq!(known(libc::SYS_symlinkat), Some(Call::SymlinkAt));
        assert_eq!(known(libc::SYS_truncate), Some(Call::Truncate));
        assert_eq!(known(libc::SYS_io_uring_setup), Some(Call::RingSetup));
        for number in [libc::SYS_chdir, libc::SYS_fchdir] {
            assert_eq!(known(number), Some(Call::ChangeDirectory));
        }
        for number in [
            libc::SYS_pivot_root,
            libc::SYS_chroot,
            libc::SYS_mount,
            libc::SYS_move_mount,
            libc::SYS_setns,
            libc::SYS_seccomp,
        ] {
            assert_eq!(known(number), Some(Call::Confine));
        }
        assert_eq!(known(libc::SYS_prctl), Some(Call::Control));
    }
}
