//! How imagebus spells kinds of objects: as its page does, which looks up colours and counts
//! by these words.

/// COCO's names that are spelled otherwise there.
const SPELLINGS: [(&str, &str); 16] = [
    ("traffic light", "traffic_light"),
    ("fire hydrant", "fire_hydrant"),
    ("stop sign", "stop_sign"),
    ("parking meter", "parking_meter"),
    ("sports ball", "sports_ball"),
    ("baseball bat", "baseball_bat"),
    ("baseball glove", "baseball_glove"),
    ("tennis racket", "tennis_racket"),
    ("wine glass", "wine_glass"),
    ("hot dog", "hot_dog"),
    ("donut", "donot"),
    ("potted plant", "potted_plant"),
    ("dining table", "dining_table"),
    ("cell phone", "cell_phone"),
    ("teddy bear", "teddy_bear"),
    ("hair drier", "hair_dryer"),
];

/// A model's word in imagebus's spelling; words that COCO has not stay.
pub(super) fn to_imagebus(class: &str) -> &str {
    let known = SPELLINGS.iter().find(|(ours, _)| *ours == class);
    known.map_or(class, |(_, theirs)| theirs)
}

/// And back.
pub(super) fn from_imagebus(name: &str) -> &str {
    let known = SPELLINGS.iter().find(|(_, theirs)| *theirs == name);
    known.map_or(name, |(ours, _)| ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_spelled_as_on_the_page_and_come_back() {
        assert_eq!(to_imagebus("stop sign"), "stop_sign");
        assert_eq!(to_imagebus("donut"), "donot");
        assert_eq!(to_imagebus("person"), "person");
        assert_eq!(to_imagebus("fork lift"), "fork lift", "not a word of COCO");
        for (ours, theirs) in SPELLINGS {
            assert_eq!(from_imagebus(theirs), ours);
        }
    }
}
