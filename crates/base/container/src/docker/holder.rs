//! The image of the containers that hold networks: one program that waits for ever, made here.
//!
//! It is a file system with an executable of less than 200 bytes in it, written down as the processor reads it, so
//! that holding a network takes no image from a registry and hardly any memory.

/// The image's name, with its version: what is in it never changes under one name.
pub const IMAGE: &str = "runwright/network-holder:1";
/// The program's path in the image.
pub const PROGRAM: &str = "/hold";

/// `pause`, for ever.
const X86_64: &[u8] = &[
    0xb8, 0x22, 0, 0, 0, // mov eax, 34
    0x0f, 0x05, // syscall
    0xeb, 0xf7, // jmp back
];
/// `ppoll` of nothing without a timeout, for ever: this processor's kernels have no `pause`.
const AARCH64: &[u8] = &[
    0x00, 0x00, 0x80, 0xd2, // mov x0, 0
    0x01, 0x00, 0x80, 0xd2, // mov x1, 0
    0x02, 0x00, 0x80, 0xd2, // mov x2, 0
    0x03, 0x00, 0x80, 0xd2, // mov x3, 0
    0x28, 0x09, 0x80, 0xd2, // mov x8, 73
    0x01, 0x00, 0x00, 0xd4, // svc 0
    0xfa, 0xff, 0xff, 0x17, // b back
];
/// Bytes of the ELF header and its one program header.
const HEADERS_BYTES: u64 = 64 + 56;
const LOADED_AT: u64 = 0x40_0000;

/// The image's file system as a tar archive, for an engine's architecture as it calls it; `None` where it is another.
pub fn file_system(architecture: &str) -> Option<Vec<u8>> {
    let (machine, code) = match architecture {
        "amd64" | "x86_64" => (62, X86_64),
        "arm64" | "aarch64" => (183, AARCH64),
        _ => return None,
    };
    Some(archive(PROGRAM.trim_start_matches('/'), &executable(machine, code)))
}

/// A statically linked ELF file that runs `code`, which may stand anywhere.
fn executable(machine: u16, code: &[u8]) -> Vec<u8> {
    let length = HEADERS_BYTES + code.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    for number in [2_u16, machine] {
        file.extend(number.to_le_bytes());
    }
    file.extend(1_u32.to_le_bytes());
    // Where it begins to run, where the program header is, and that there are no sections.
    for number in [LOADED_AT + HEADERS_BYTES, 64, 0] {
        file.extend(number.to_le_bytes());
    }
    file.extend(0_u32.to_le_bytes());
    for number in [64_u16, 56, 1, 0, 0, 0] {
        file.extend(number.to_le_bytes());
    }
    // One part, which is loaded, read and executed.
    for number in [1_u32, 5] {
        file.extend(number.to_le_bytes());
    }
    for number in [0, LOADED_AT, LOADED_AT, length, length, 0x1000] {
        file.extend(number.to_le_bytes());
    }
    file.extend(code);
    file
}

/// A tar archive of one executable file.
fn archive(name: &str, contents: &[u8]) -> Vec<u8> {
    let mut header = [0; 512];
    let mut put = |at: usize, text: &[u8]| {
        for (place, byte) in header.iter_mut().skip(at).zip(text) {
            *place = *byte;
        }
    };
    put(0, name.as_bytes());
    put(100, b"0000755\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", contents.len()).as_bytes());
    put(136, b"00000000000\0");
    // The checksum is taken with spaces in its own place.
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let checksum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    for (place, byte) in header.iter_mut().skip(148).zip(format!("{checksum:06o}\0 ").bytes()) {
        *place = byte;
    }
    let mut archive = header.to_vec();
    archive.extend(contents);
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}
