//! Fragmented MP4 made by the program `ffmpeg`, read and moved, and looked at by `ffprobe`.
#![allow(clippy::unwrap_used, reason = "a failed test should stop")]

use std::io::{Cursor, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use omma_media::{Fragment, FragmentReader, TrackKind};
use omma_testkit::{ffmpeg, probe};
use omma_types::{ErrorKind, WallTime};
use proptest::prelude::*;

/// 4 s, 25 pictures a second, a keyframe a second.
fn film(dir: &Path, more: &str) -> PathBuf {
    let call = format!(
        "-f lavfi -i testsrc2=size=160x120:rate=25:duration=4 {more} -g 25 -c:v libx264 \
         -metadata creation_time=2020-01-01T00:00:00.000Z \
         -movflags frag_keyframe+empty_moov+default_base_moof film.mp4"
    );
    ffmpeg(dir, &call);
    dir.join("film.mp4")
}

const SOUND: &str = "-f lavfi -i sine=duration=4 -c:a aac -bf 0";

fn all(bytes: &[u8]) -> (FragmentReader<Cursor<&[u8]>>, Vec<Fragment>) {
    let limit = bytes.len() as u64;
    let mut reader = FragmentReader::new(Cursor::new(bytes), "film.mp4", limit).unwrap();
    let mut fragments = Vec::new();
    while let Some(fragment) = reader.next().unwrap() {
        fragments.push(fragment);
    }
    (reader, fragments)
}

/// Times, lengths and sizes of the packets of a film.
fn packets(path: &Path, stream: &str) -> Vec<(f64, f64, u64)> {
    let entries = format!("packet=stream_index,pts_time,duration_time,size:{stream}");
    let text = probe(path, &entries).unwrap();
    let line = |line: &str| {
        let mut words = line.split(',').skip(1).map(|word| word.parse::<f64>().unwrap());
        (words.next().unwrap(), words.next().unwrap(), words.next().unwrap() as u64)
    };
    text.lines().filter(|line| line.contains(',')).map(line).collect()
}

#[test]
fn fragments_tell_times_and_keyframes() {
    let dir = tempfile::tempdir().unwrap();
    for (more, offset) in [(SOUND, 0), ("-bf 2", 1)] {
        let bytes = std::fs::read(film(dir.path(), more)).unwrap();
        let (reader, fragments) = all(&bytes);
        let header = reader.header();
        let video = *header.video().unwrap();
        assert_eq!(header.tracks().len(), 1 + usize::from(more == SOUND), "{more}");
        assert_eq!(fragments.len(), 4, "{more}");
        let mut end = 0;
        for (second, fragment) in fragments.iter().enumerate() {
            let part = fragment.part(video.id).unwrap();
            assert!(part.sync, "every fragment of this film begins with a keyframe");
            assert_eq!(part.decode_start, end, "{more}");
            assert_eq!(part.first_offset > 0, offset > 0, "{more}");
            end = part.decode_start + part.duration;
            // FFmpeg begins pictures a little late where sound begins before them.
            let whole = (second as u64 + 1) * u64::from(video.timescale);
            assert!(end >= whole && end < whole + u64::from(video.timescale) / 20, "{more}");
            assert!(reader.position() >= fragment.offset + fragment.len);
        }
        if let Some(sound) = header.tracks().iter().find(|t| t.kind == TrackKind::Audio) {
            assert_eq!(sound.timescale, 44_100);
            let samples: u64 = fragments.iter().map(|f| f.part(sound.id).unwrap().duration).sum();
            assert!((176_400..=179_400).contains(&samples), "{samples}");
        }
    }
}

#[test]
fn a_moved_film_is_the_same_film_later() {
    let dir = tempfile::tempdir().unwrap();
    for more in [SOUND, "-bf 2"] {
        let path = film(dir.path(), more);
        let bytes = std::fs::read(&path).unwrap();
        let (reader, fragments) = all(&bytes);
        let start = WallTime::from_millis(1_795_132_800_250);
        let header = reader.header();
        let mut moved = header.retimed(start, 3000);
        for (number, fragment) in fragments.iter().skip(1).enumerate() {
            let scale = |id| header.tracks().iter().find(|t| t.id == id).unwrap().timescale;
            // Half a second earlier: what began at 1 s begins at 0.5 s.
            let table = fragment
                .moved(number as u32 + 1, moved.len() as u64, |track| -i64::from(scale(track)) / 2);
            assert_eq!(table.len() as u64, fragment.table_len());
            let data = fragment.offset + fragment.table_len()..fragment.offset + fragment.len;
            moved.extend(table);
            moved.extend(&bytes[data.start as usize..data.end as usize]);
        }
        let later = dir.path().join("later.mp4");
        std::fs::write(&later, moved).unwrap();
        let before = packets(&path, "stream=index");
        let after = packets(&later, "stream=index");
        assert_eq!(after.len(), 75);
        for (a, b) in before.iter().skip(25).zip(&after) {
            assert!((a.0 - 0.5 - b.0).abs() < 1e-4, "{more}: {a:?} {b:?}");
            assert_eq!((a.1, a.2), (b.1, b.2), "{more}");
        }
        let told = probe(&later, "format=duration:format_tags=creation_time").unwrap();
        assert!(told.contains("2026-11-20T00:00:00.000000Z"), "{told}");
        // It decodes without a complaint.
        ffmpeg(dir.path(), "-xerror -i later.mp4 -f null -");
    }
}

#[test]
fn a_film_that_breaks_off_ends_with_its_last_whole_fragment() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(film(dir.path(), SOUND)).unwrap();
    let (_, fragments) = all(&bytes);
    for cut in [1, 100, 5000] {
        let last = fragments.last().unwrap();
        let end = (last.offset + last.len - cut) as usize;
        let (reader, short) = all(&bytes[..end]);
        assert_eq!(short.len(), fragments.len() - 1, "{cut}");
        assert_eq!(reader.position(), last.offset, "{cut}");
    }
    let mut file = std::fs::File::open(dir.path().join("film.mp4")).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let mut head = vec![0; 200];
    file.read_exact(&mut head).unwrap();
    for bad in
        [&head[..], b"", b"no film at all, but a text", &bytes[fragments[0].offset as usize..]]
    {
        let Err(error) = FragmentReader::new(Cursor::new(bad), "bad.mp4", bad.len() as u64) else {
            panic!("{bad:?} was taken for a film")
        };
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("bad.mp4"), "{error}");
    }
}

#[test]
fn no_damage_makes_it_panic() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(film(dir.path(), SOUND)).unwrap();
    // Header and first table, where the structure is.
    let places = 0..3000usize;
    proptest!(ProptestConfig::with_cases(2000), |(
        damage in prop::collection::vec((places, any::<u8>()), 1..8)
    )| {
        let mut bytes = bytes.clone();
        for (at, value) in damage {
            bytes[at] = value;
        }
        let limit = bytes.len() as u64;
        if let Ok(mut reader) = FragmentReader::new(Cursor::new(&bytes), "film.mp4", limit) {
            drop(reader.header().retimed(WallTime::from_millis(0), 1));
            while let Ok(Some(fragment)) = reader.next() {
                let moved = fragment.moved(7, u64::MAX, |_| i64::MIN);
                prop_assert_eq!(moved.len() as u64, fragment.table_len());
                prop_assert!(fragment.offset + fragment.len <= limit);
            }
        }
    });
}
