//! Films made and looked at with the programs `ffmpeg` and `ffprobe`, which know nothing of
//! the code under test.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs `ffmpeg` in `dir`; `arguments` are split at spaces.
///
/// # Panics
/// When it is not installed, or fails.
pub fn ffmpeg(dir: &Path, arguments: &str) {
    let words: Vec<&str> = arguments.split_whitespace().collect();
    run_ffmpeg(dir, &words);
}

fn run_ffmpeg(dir: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-y", "-nostdin"])
        .args(arguments)
        .current_dir(dir)
        .output()
        .expect("the ffmpeg program is needed for tests (apt-get install ffmpeg)");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ffmpeg {arguments:?}: {complaint}");
    output.stdout
}

/// What `ffprobe` says about entries of the video stream, e.g. `stream=width,height`. Counts
/// pictures by decoding them where `nb_read_frames` is asked for.
///
/// # Errors
/// What `ffprobe` complained about.
pub fn probe(path: &Path, entries: &str) -> Result<String, String> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-select_streams", "v:0"]);
    if entries.contains("nb_read_frames") {
        command.arg("-count_frames");
    }
    let output = command
        .args(["-show_entries", entries, "-of", "csv=p=0"])
        .arg(path)
        .output()
        .expect("the ffprobe program is needed for tests (apt-get install ffmpeg)");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.trim().trim_end_matches(',').to_owned())
}

/// Size, number and length of a film's pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Film {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Pictures, counted by decoding them.
    pub pictures: u64,
    /// Length in seconds, as the container says.
    pub seconds: f64,
}

/// Looks at a whole film.
///
/// # Panics
/// When `ffprobe` can't read it.
pub fn ffprobe(path: &Path) -> Film {
    let entries = "stream=width,height,nb_read_frames:format=duration";
    let text = probe(path, entries).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let numbers: Vec<f64> =
        text.split([',', '\n']).filter_map(|number| number.trim().parse().ok()).collect();
    let [width, height, pictures, seconds] = numbers[..] else {
        panic!("{}: ffprobe says {text:?}", path.display())
    };
    Film { width: width as u32, height: height as u32, pictures: pictures as u64, seconds }
}

/// All pictures of a film as luma, `width * height` bytes each, rows from top to bottom.
/// `filter` is applied first, e.g. `scale=384:288`; `null` for none.
///
/// # Panics
/// When `ffmpeg` can't read it.
pub fn gray_pictures(path: &Path, filter: &str, (width, height): (usize, usize)) -> Vec<Vec<u8>> {
    let file = path.to_string_lossy();
    let arguments = ["-i", &file, "-vf", filter, "-pix_fmt", "gray", "-fps_mode", "passthrough"];
    let here = path.parent().map_or_else(|| PathBuf::from("."), Path::to_owned);
    let bytes = run_ffmpeg(&here, &[&arguments[..], &["-f", "rawvideo", "-"]].concat());
    bytes.chunks_exact(width * height).map(<[u8]>::to_vec).collect()
}
