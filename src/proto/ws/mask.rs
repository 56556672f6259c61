//! Masking (RFC 6455 §5.3): the payload of a client's frame xor its key, over and over.

/// Bytes of a step: some vectors, and a multiple of the key's length.
const BLOCK: usize = 64;

/// Masks or unmasks `data`, which begins where `key` begins; the key for what follows it.
///
/// Blocks of a fixed number of bytes, which the compiler turns into vectors; as one number each they would not become such.
pub(super) fn apply(data: &mut [u8], key: [u8; 4]) -> [u8; 4] {
    let len = data.len();
    let (blocks, rest) = data.as_chunks_mut::<BLOCK>();
    if !blocks.is_empty() {
        let wide: [u8; BLOCK] = std::array::from_fn(|at| key[at % 4]);
        for block in blocks {
            for (byte, key) in block.iter_mut().zip(wide) {
                *byte ^= key;
            }
        }
    }
    // Most messages are short.
    let (words, rest) = rest.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(key)).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
    rotated(key, len)
}

/// The key where `len` bytes of the payload are behind.
fn rotated(mut key: [u8; 4], len: usize) -> [u8; 4] {
    key.rotate_left(len % 4);
    key
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_phase_goes_on_over_pieces() {
        let key = [1, 2, 3, 4];
        let mut data = [0; 7];
        let key = apply(&mut data[..3], key);
        assert_eq!(key, [4, 1, 2, 3]);
        apply(&mut data[3..], key);
        assert_eq!(data, [1, 2, 3, 4, 1, 2, 3]);
    }

    proptest! {
        #[test]
        fn is_the_xor_of_the_rfc(data: Vec<u8>, key: [u8; 4], cut: prop::sample::Index) {
            let expected: Vec<u8> = data.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]).collect();
            let mut masked = data.clone();
            let cut = cut.index(data.len() + 1);
            let rest = apply(&mut masked[..cut], key);
            apply(&mut masked[cut..], rest);
            prop_assert_eq!(masked, expected);
        }
    }
}
