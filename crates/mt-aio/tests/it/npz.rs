//! Files of NumPy arrays.

use mt_aio::{ErrorKind, Npz, WriteOptions, npz_load, npz_save};
use ndarray::{Array1, Array2, Array3, ArrayD, Ix1, Ix2, IxDyn, arr0, array, s};

use crate::python::python;
use crate::running::{in_both_modes, names};

fn arrays() -> Npz {
    let mut arrays = Npz::new();
    arrays.insert("line", &array![1.5_f64, -0.0, f64::INFINITY]).unwrap();
    let cube = Array3::from_shape_fn((2, 3, 4), |(a, b, c)| (100 * a + 10 * b + c) as i32);
    arrays.insert("cube", &cube).unwrap();
    arrays.insert("every other", &cube.slice(s![.., ..;2, 1..])).unwrap();
    arrays.insert("scalar", &arr0(7_u8)).unwrap();
    arrays.insert("empty", &Array2::<i64>::zeros((0, 5))).unwrap();
    arrays.insert("truth", &array![[true, false]]).unwrap();
    arrays
}

#[test]
fn arrays_come_back_as_they_were() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.npz");
        for arrays in [arrays(), arrays().compressed()] {
            let bytes = npz_save(&path, &arrays, WriteOptions::new(), cx).await.unwrap();
            assert_eq!(bytes, std::fs::metadata(&path).unwrap().len());
            let loaded = npz_load(&path, cx).await.unwrap();
            assert_eq!(loaded.names().collect::<Vec<_>>(), arrays.names().collect::<Vec<_>>());
            let line: Array1<f64> = loaded.get("line").unwrap();
            assert_eq!(line, array![1.5, 0.0, f64::INFINITY]);
            assert!(line[1].is_sign_negative());
            let cube: Array3<i32> = loaded.get("cube").unwrap();
            assert_eq!(cube[(1, 2, 3)], 123);
            let every_other: ArrayD<i32> = loaded.get("every other").unwrap();
            assert_eq!(every_other, cube.slice(s![.., ..;2, 1..]).into_dyn());
            assert_eq!(loaded.get::<u8, IxDyn>("scalar").unwrap().shape(), [0_usize; 0]);
            assert_eq!(loaded.get::<i64, Ix2>("empty").unwrap().shape(), [0, 5]);
            // Saved again it is the same file.
            let again = dir.path().join("b.npz");
            npz_save(&again, &loaded, WriteOptions::new(), cx).await.unwrap();
            assert_eq!(std::fs::read(&again).unwrap(), std::fs::read(&path).unwrap());
        }
    });
}

#[test]
fn what_is_not_there_or_of_another_type_is_an_error_that_names_it() {
    let arrays = arrays();
    let error = arrays.get::<f64, Ix1>("lines").unwrap_err();
    assert!(error.is_validation() && error.to_string().contains("`lines`"), "{error}");
    for error in [
        arrays.get::<f32, Ix1>("line").map(drop).unwrap_err(),
        arrays.get::<f64, Ix2>("line").map(drop).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Codec);
        assert!(error.to_string().contains("`line`"), "{error}");
    }
    assert!(Npz::new().insert("", &array![1]).unwrap_err().is_validation());
}

#[test]
fn a_file_that_is_no_npz_is_a_codec_error_that_names_it() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.npz");
        npz_save(&path, &arrays(), WriteOptions::new(), cx).await.unwrap();
        let good = std::fs::read(&path).unwrap();
        let mut flipped = good.clone();
        let inside_an_array = good.windows(5).position(|bytes| bytes == b"NUMPY").unwrap() + 130;
        flipped[inside_an_array] ^= 1;
        for bad in [&b""[..], b"no archive", &good[..good.len() / 2], &flipped] {
            std::fs::write(&path, bad).unwrap();
            let error = npz_load(&path, cx).await.unwrap_err();
            assert_eq!((error.kind(), error.path()), (ErrorKind::Codec, Some(&*path)), "{error:?}");
        }
        let error = npz_load(dir.path().join("missing"), cx).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        let error = npz_save(dir.path(), &arrays(), WriteOptions::new(), cx).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert_eq!(names(dir.path()), ["a.npz"]);
    });
}

#[test]
fn numpy_reads_our_files_and_we_read_numpys() {
    in_both_modes(async |cx| {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        npz_save(at("plain.npz"), &arrays(), WriteOptions::new(), cx).await.unwrap();
        npz_save(at("small.npz"), &arrays().compressed(), WriteOptions::new(), cx).await.unwrap();
        let script = r#"
import sys, numpy as np
for name in sys.argv[1:3]:
    z = np.load(name)
    cube = np.array([[[100*a+10*b+c for c in range(4)] for b in range(3)] for a in range(2)], dtype=np.int32)
    assert sorted(z.files) == ["cube", "empty", "every other", "line", "scalar", "truth"], z.files
    assert z["line"].dtype == np.float64 and z["line"].tolist() == [1.5, -0.0, float("inf")]
    assert z["cube"].dtype == np.int32 and (z["cube"] == cube).all()
    assert (z["every other"] == cube[:, ::2, 1:]).all()
    assert z["scalar"].shape == () and z["scalar"] == 7
    assert z["empty"].shape == (0, 5)
    assert z["truth"].tolist() == [[True, False]]
np.savez(sys.argv[3], line=np.linspace(0, 1, 5), fortran=np.asfortranarray(np.arange(6).reshape(2, 3)), big=np.arange(3, dtype=">u2"))
np.savez_compressed(sys.argv[4], zeros=np.zeros((1000, 100), dtype=np.float32))
"#;
        let files = ["plain.npz", "small.npz", "theirs.npz", "their small.npz"].map(at);
        if !python("numpy", script, &files.each_ref().map(String::as_str)) {
            return;
        }
        let theirs = npz_load(at("theirs.npz"), cx).await.unwrap();
        assert_eq!(theirs.get::<f64, Ix1>("line").unwrap(), array![0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(theirs.get::<i64, Ix2>("fortran").unwrap(), array![[0, 1, 2], [3, 4, 5]]);
        assert_eq!(theirs.get::<u16, Ix1>("big").unwrap(), array![0, 1, 2]);
        let theirs = npz_load(at("their small.npz"), cx).await.unwrap();
        assert_eq!(theirs.get::<f32, Ix2>("zeros").unwrap(), Array2::<f32>::zeros((1000, 100)));
    });
}
