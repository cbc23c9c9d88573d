//! Whatever happens to the bytes of an archive, no other image is taken for the one it was.

use std::sync::LazyLock;

use menace_agent::image::ImageArchive;
use proptest::prelude::*;

use super::Folder;
use super::sample::{Image, gzip, plain, zstd};

/// Archives of one image: plain, without a checksum over the whole, and packed.
static ARCHIVES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let image = Image::new("amd64");
    let both = image.both().bytes();
    vec![
        image.docker_save().bytes(),
        image.oci(gzip).bytes(),
        image.oci(plain).bytes(),
        gzip(&both),
        zstd(&both),
        both,
    ]
});

/// The parts of an archive that damage cannot change unnoticed; its names are none of them.
fn content(archive: ImageArchive) -> impl PartialEq + std::fmt::Debug {
    let layers: Vec<_> = archive.layers.iter().map(|layer| layer.diff_id).collect();
    (archive.image_id, archive.platform, layers, archive.cmd)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_flipped_bit_is_noticed_or_harmless(which in 0..6usize, at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let original = &ARCHIVES[which];
        let folder = Folder::new();
        let wanted = content(folder.verify(original).unwrap().archive);
        let mut bytes = original.clone();
        bytes[at.index(original.len())] ^= 1 << bit;
        if let Ok(found) = folder.verify(&bytes) {
            prop_assert_eq!(content(found.archive), wanted);
        }
    }

    #[test]
    fn a_cut_archive_is_refused(which in 0..6usize, at in any::<prop::sample::Index>()) {
        let original = &ARCHIVES[which];
        let end = at.index(original.len());
        prop_assert!(Folder::new().verify(&original[..end]).is_err());
    }

    #[test]
    fn overwritten_bytes_are_noticed_or_harmless(
        which in 0..6usize,
        at in any::<prop::sample::Index>(),
        with in prop::collection::vec(any::<u8>(), 1..700),
    ) {
        let original = &ARCHIVES[which];
        let folder = Folder::new();
        let wanted = content(folder.verify(original).unwrap().archive);
        let mut bytes = original.clone();
        for (byte, new) in bytes[at.index(original.len())..].iter_mut().zip(with) {
            *byte = new;
        }
        if let Ok(found) = folder.verify(&bytes) {
            prop_assert_eq!(content(found.archive), wanted);
        }
    }

    #[test]
    fn no_bytes_at_all_are_an_image(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(Folder::new().verify(&bytes).is_err());
    }
}

#[test]
fn appended_bytes_are_refused() {
    let folder = Folder::new();
    for original in ARCHIVES.iter() {
        let bytes = [original.as_slice(), b"x"].concat();
        assert!(folder.verify(&bytes).is_err());
    }
}
