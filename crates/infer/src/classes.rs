//! The class lists that most published detectors share (COCO, cocodataset.org).

/// The 80 classes of COCO in the order of their ids, each with its id. Models number either
/// the classes (0 to 79) or the ids (1 to 90, some unused).
const COCO: [(usize, &str); 80] = [
    (1, "person"),
    (2, "bicycle"),
    (3, "car"),
    (4, "motorcycle"),
    (5, "airplane"),
    (6, "bus"),
    (7, "train"),
    (8, "truck"),
    (9, "boat"),
    (10, "traffic light"),
    (11, "fire hydrant"),
    (13, "stop sign"),
    (14, "parking meter"),
    (15, "bench"),
    (16, "bird"),
    (17, "cat"),
    (18, "dog"),
    (19, "horse"),
    (20, "sheep"),
    (21, "cow"),
    (22, "elephant"),
    (23, "bear"),
    (24, "zebra"),
    (25, "giraffe"),
    (27, "backpack"),
    (28, "umbrella"),
    (31, "handbag"),
    (32, "tie"),
    (33, "suitcase"),
    (34, "frisbee"),
    (35, "skis"),
    (36, "snowboard"),
    (37, "sports ball"),
    (38, "kite"),
    (39, "baseball bat"),
    (40, "baseball glove"),
    (41, "skateboard"),
    (42, "surfboard"),
    (43, "tennis racket"),
    (44, "bottle"),
    (46, "wine glass"),
    (47, "cup"),
    (48, "fork"),
    (49, "knife"),
    (50, "spoon"),
    (51, "bowl"),
    (52, "banana"),
    (53, "apple"),
    (54, "sandwich"),
    (55, "orange"),
    (56, "broccoli"),
    (57, "carrot"),
    (58, "hot dog"),
    (59, "pizza"),
    (60, "donut"),
    (61, "cake"),
    (62, "chair"),
    (63, "couch"),
    (64, "potted plant"),
    (65, "bed"),
    (67, "dining table"),
    (70, "toilet"),
    (72, "tv"),
    (73, "laptop"),
    (74, "mouse"),
    (75, "remote"),
    (76, "keyboard"),
    (77, "cell phone"),
    (78, "microwave"),
    (79, "oven"),
    (80, "toaster"),
    (81, "sink"),
    (82, "refrigerator"),
    (84, "book"),
    (85, "clock"),
    (86, "vase"),
    (87, "scissors"),
    (88, "teddy bear"),
    (89, "hair drier"),
    (90, "toothbrush"),
];

/// COCO's classes, numbered from 0 without gaps.
pub(crate) fn coco80() -> Vec<String> {
    COCO.iter().map(|(_, name)| (*name).to_owned()).collect()
}

/// COCO's classes by id, 0 to 90. Ids that COCO does not use are called `unused-ID`.
pub(crate) fn coco91() -> Vec<String> {
    (0..=90)
        .map(|id| match COCO.iter().find(|(coco, _)| *coco == id) {
            Some((_, name)) => (*name).to_owned(),
            None => format!("unused-{id}"),
        })
        .collect()
}

/// The class names that an exporter left in a model's metadata under `names`, written like a
/// Python dictionary: `{0: 'person', 1: 'car'}`.
pub(crate) fn from_metadata(names: &str) -> Option<Vec<String>> {
    let body = names.trim().strip_prefix('{')?.strip_suffix('}')?;
    let mut classes = Vec::new();
    let mut rest = body.trim_start();
    while !rest.is_empty() {
        let (number, after) = rest.split_once(':')?;
        if number.trim().parse() != Ok(classes.len()) {
            return None;
        }
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (name, after) = after.strip_prefix(quote)?.split_once(quote)?;
        classes.push(name.to_owned());
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    (!classes.is_empty()).then_some(classes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_coco_lists_hold_the_same_80_names() {
        let (short, long) = (coco80(), coco91());
        assert_eq!((short.len(), long.len()), (80, 91));
        let used: Vec<_> = long.iter().filter(|name| !name.starts_with("unused")).collect();
        assert!(used.into_iter().eq(&short));
        assert_eq!((long[1].as_str(), long[90].as_str()), ("person", "toothbrush"));
    }

    #[test]
    fn names_in_metadata_are_read_or_refused_whole() {
        let read = from_metadata("{0: 'person', 1: \"driver's cab\", 2: 'a, b'}").unwrap();
        assert_eq!(read, ["person", "driver's cab", "a, b"]);
        for bad in ["", "{}", "[1]", "{1: 'a'}", "{0: a}", "{0: 'a"] {
            assert_eq!(from_metadata(bad), None, "{bad}");
        }
    }
}
