use super::*;
use crate::testing::{self, FLOAT, Onnx};

fn doubling(dir: &Path) -> PathBuf {
    Onnx::default()
        .input("x", FLOAT, &["1", "2"])
        .node("Add", &["x", "x"], "y", &[])
        .output("y", FLOAT, &["1", "2"])
        .write(dir, "double.onnx")
}

fn run(runner: &mut dyn Runner, numbers: &[f32]) -> Result<Vec<f32>, String> {
    let mut out = Vec::new();
    let input = Tensor { name: "x", shape: &[1, 2], numbers: Numbers::F32(numbers) };
    runner.run(&[input], &mut |outputs| {
        assert_eq!((outputs[0].name, outputs[0].shape), ("y", &[1, 2][..]));
        out = outputs[0].numbers.to_f32();
    })?;
    Ok(out)
}

#[test]
fn runners_of_one_model_work_side_by_side() {
    let dir = tempfile::tempdir().unwrap();
    let file = doubling(dir.path());
    for choice in [EngineChoice::Ort, EngineChoice::Rten] {
        let Some(options) = testing::engine(choice) else { continue };
        let opened = open(&file, "double", &options).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let loaded = &opened.loaded;
                scope.spawn(move || {
                    let mut runner = loaded.runner().unwrap();
                    for _ in 0..20 {
                        let x = thread as f32;
                        assert_eq!(run(runner.as_mut(), &[x, 1.0]).unwrap(), [2.0 * x, 2.0]);
                    }
                });
            }
        });
    }
}

#[test]
fn wrong_feeds_and_unknown_operators_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let file = doubling(dir.path());
    let strange = Onnx::default()
        .input("x", FLOAT, &["1", "2"])
        .node("Transmogrify", &["x"], "y", &[])
        .output("y", FLOAT, &["1", "2"])
        .write(dir.path(), "strange.onnx");
    for choice in [EngineChoice::Ort, EngineChoice::Rten] {
        let Some(options) = testing::engine(choice) else { continue };
        let opened = open(&file, "double", &options).unwrap();
        let mut runner = opened.loaded.runner().unwrap();
        let wrong = Tensor { name: "z", shape: &[1, 2], numbers: Numbers::F32(&[0.0; 2]) };
        assert!(runner.run(&[wrong], &mut |_| {}).is_err());
        assert!(run(runner.as_mut(), &[0.0; 3]).is_err());
        let Err(error) = open(&strange, "strange", &options) else { panic!("{choice:?} loads it") };
        assert!(error.to_string().contains("Transmogrify"), "{error}");
    }
    let Err(error) = open(&strange, "strange", &testing::engine(EngineChoice::Auto).unwrap())
    else {
        panic!("auto loads it")
    };
    assert!(error.to_string().contains("Transmogrify"), "{error}");
}

#[test]
fn engine_words_are_read() {
    for choice in [EngineChoice::Auto, EngineChoice::Ort, EngineChoice::Rten] {
        assert_eq!(choice.as_str().parse(), Ok(choice));
    }
    assert!("cuda".parse::<EngineChoice>().unwrap_err().contains("auto, ort or rten"));
}
