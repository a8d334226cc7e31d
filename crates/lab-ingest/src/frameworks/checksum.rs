//! Cyclic redundancy checks: TensorBoard's files use CRC-32C (Castagnoli), those of W&B CRC-32 (IEEE 802.3).

const CASTAGNOLI: [u32; 256] = table(0x82f6_3b78);
const IEEE: [u32; 256] = table(0xedb8_8320);

/// CRC-32C, rotated and moved as TensorFlow's record format wants it, so that a checksum of data that
/// itself holds checksums is of use.
pub(super) fn masked_crc32c(bytes: &[u8]) -> u32 {
    checksum(&CASTAGNOLI, &[bytes]).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32 of the parts one after another.
pub(super) fn crc32(parts: &[&[u8]]) -> u32 {
    checksum(&IEEE, parts)
}

fn checksum(table: &[u32; 256], parts: &[&[u8]]) -> u32 {
    let step = |sum: u32, byte: &u8| (sum >> 8) ^ table[((sum ^ u32::from(*byte)) & 0xff) as usize];
    !parts.iter().flat_map(|part| *part).fold(!0, step)
}

const fn table(polynomial: u32) -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut sum = index as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ polynomial } else { sum >> 1 };
            bit += 1;
        }
        table[index] = sum;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values() {
        // The check values that the catalogue of CRCs gives for both.
        assert_eq!(checksum(&CASTAGNOLI, &[b"123456789"]), 0xe306_9283);
        assert_eq!(crc32(&[b"1234", b"56789"]), 0xcbf4_3926);
    }
}
