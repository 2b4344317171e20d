use super::*;
use proptest::prelude::*;

const SIZE: Size = Size::new(64, 64);
const ALL: Sieve<'_> = Sieve { min_score: 0.3, classes: None };

struct Output {
    name: &'static str,
    shape: Vec<usize>,
    numbers: Vec<f32>,
}

fn output(name: &'static str, shape: &[usize]) -> Output {
    Output { name, shape: shape.to_vec(), numbers: vec![0.0; shape.iter().product()] }
}

/// Recognises the head of `outputs` and reads picture `item`.
fn read(
    outputs: &[Output],
    family: Option<Family>,
    item: usize,
    sieve: Sieve<'_>,
) -> (Head, Vec<Candidate>) {
    let shapes: Vec<OutputShape> = outputs
        .iter()
        .map(|o| OutputShape { name: o.name.to_owned(), shape: o.shape.clone() })
        .collect();
    let head = Head::recognise(family, SIZE, &shapes).expect("recognised");
    let tensors: Vec<Tensor<'_>> = outputs
        .iter()
        .map(|o| Tensor { name: o.name, shape: &o.shape, numbers: Numbers::F32(&o.numbers) })
        .collect();
    let mut found = Vec::new();
    head.decode(SIZE, &tensors, item, sieve, &mut found).expect("decoded");
    (head, found)
}

fn assert_box(found: &[Candidate], [left, top, width, height]: [f32; 4], class: usize, score: f32) {
    let [candidate] = found else { panic!("one box expected: {found:?}") };
    let rect = candidate.rect;
    for (got, expected) in
        [(rect.left, left), (rect.top, top), (rect.width, width), (rect.height, height)]
    {
        assert!((got - expected).abs() < 1e-3, "{rect:?}");
    }
    assert_eq!(candidate.class, class);
    assert!((candidate.score - score).abs() < 1e-4, "{}", candidate.score);
}

// 64x64 pixels make 8x8 + 4x4 + 2x2 = 84 cells of strides 8, 16, 32.

#[test]
fn yolox_rows_are_cells_and_logarithms() {
    let mut rows = output("output", &[1, 84, 5 + 3]);
    // Stride 16, column 1, row 2: behind the 64 cells of stride 8.
    let at = (64 + 2 * 4 + 1) * 8;
    rows.numbers[at..at + 8].copy_from_slice(&[0.5, 0.25, 0.0, 2f32.ln(), 0.8, 0.1, 0.9, 0.2]);
    let (head, found) = read(&[rows], None, 0, ALL);
    assert_eq!((head.family(), head.classes()), (Family::Yolox, Some(3)));
    assert_box(&found, [16.0, 20.0, 16.0, 32.0], 1, 0.72);
}

#[test]
fn yolo_v5_multiplies_objectness() {
    let mut rows = output("output0", &[1, 3 * 84, 5 + 2]);
    rows.numbers[7 * 100..7 * 101].copy_from_slice(&[30.0, 20.0, 10.0, 8.0, 0.5, 0.2, 0.8]);
    let (head, found) = read(&[rows], None, 0, ALL);
    assert_eq!((head.family(), head.nms()), (Family::Yolo, Some(0.45)));
    assert_box(&found, [25.0, 16.0, 10.0, 8.0], 1, 0.4);
}

#[test]
fn yolo_v8_has_a_column_an_anchor() {
    let mut columns = output("output0", &[2, 4 + 2, 84]);
    let second = 6 * 84;
    for (row, value) in [30.0, 20.0, 10.0, 8.0, 0.1, 0.9].into_iter().enumerate() {
        columns.numbers[second + row * 84 + 50] = value;
    }
    let (head, found) = read(&[columns], None, 1, ALL);
    assert_eq!((head.family(), head.classes()), (Family::Yolo, Some(2)));
    assert_box(&found, [25.0, 16.0, 10.0, 8.0], 1, 0.9);
}

#[test]
fn finished_yolo_boxes_are_taken_as_they_are() {
    let mut rows = output("output0", &[1, 300, 6]);
    rows.numbers[..6].copy_from_slice(&[5.0, 6.0, 25.0, 36.0, 0.75, 3.0]);
    let (head, found) = read(&[rows], None, 0, ALL);
    assert_eq!((head.nms(), head.classes()), (None, None));
    assert_box(&found, [5.0, 6.0, 20.0, 30.0], 3, 0.75);

    let mut flat = output("output", &[2, 7]);
    flat.numbers.copy_from_slice(&[
        0.0, 1.0, 1.0, 2.0, 2.0, 0.0, 0.9, //
        1.0, 5.0, 6.0, 25.0, 36.0, 3.0, 0.75,
    ]);
    let (_, found) = read(&[flat], None, 1, ALL);
    assert_box(&found, [5.0, 6.0, 20.0, 30.0], 3, 0.75);
}

#[test]
fn counted_boxes_end_at_their_count() {
    let mut outputs = [
        output("num_dets", &[1, 1]),
        output("det_boxes", &[1, 2, 4]),
        output("det_scores", &[1, 2]),
        output("det_classes", &[1, 2]),
    ];
    outputs[0].numbers[0] = 1.0;
    outputs[1].numbers.copy_from_slice(&[5.0, 6.0, 25.0, 36.0, 1.0, 1.0, 9.0, 9.0]);
    outputs[2].numbers.copy_from_slice(&[0.75, 0.9]);
    outputs[3].numbers.copy_from_slice(&[3.0, 1.0]);
    let (_, found) = read(&outputs, None, 0, ALL);
    assert_box(&found, [5.0, 6.0, 20.0, 30.0], 3, 0.75);
}

/// Logits that put all of a distribution on one step.
fn on_step(step: usize) -> [f32; 8] {
    let mut logits = [-50.0; 8];
    logits[step] = 50.0;
    logits
}

#[test]
fn nanodet_sides_are_means_of_distributions() {
    let sides: Vec<f32> = [1, 2, 3, 0].into_iter().flat_map(on_step).collect();
    // The order of the outputs must not matter.
    let mut outputs = [
        output("dis_pred_stride_8", &[1, 64, 32]),
        output("dis_pred_stride_16", &[1, 16, 32]),
        output("dis_pred_stride_32", &[1, 4, 32]),
        output("cls_pred_stride_32", &[1, 4, 2]),
        output("cls_pred_stride_8", &[1, 64, 2]),
        output("cls_pred_stride_16", &[1, 16, 2]),
    ];
    outputs[5].numbers[2 * 6 + 1] = 0.6;
    outputs[1].numbers[32 * 6..32 * 7].copy_from_slice(&sides);
    let (head, found) = read(&outputs, None, 0, ALL);
    assert_eq!((head.family(), head.classes()), (Family::Nanodet, Some(2)));
    // Cell (2, 1) of stride 16: centre (40, 24).
    assert_box(&found, [40.0 - 16.0, 24.0 - 32.0, 64.0, 32.0], 1, 0.6);

    // One more cell of stride 64; centres at the corners.
    let mut joint = output("output", &[1, 85, 2 + 32]);
    let at = (64 + 6) * 34;
    joint.numbers[at + 1] = 0.6;
    joint.numbers[at + 2..at + 34].copy_from_slice(&sides);
    let (head, found) = read(&[joint], None, 0, ALL);
    assert_eq!((head.family(), head.feeding().fit), (Family::Nanodet, Fit::Stretch));
    assert_box(&found, [32.0 - 16.0, 16.0 - 32.0, 64.0, 32.0], 1, 0.6);
}

#[test]
fn detr_outputs_come_finished_or_raw() {
    let mut finished =
        [output("labels", &[1, 5]), output("boxes", &[1, 5, 4]), output("scores", &[1, 5])];
    finished[0].numbers[2] = 7.0;
    finished[1].numbers[8..12].copy_from_slice(&[5.0, 6.0, 25.0, 36.0]);
    finished[2].numbers[2] = 0.5;
    let (head, found) = read(&finished, None, 0, ALL);
    assert_eq!((head.family(), head.nms()), (Family::Detr, None));
    assert_box(&found, [5.0, 6.0, 20.0, 30.0], 7, 0.5);

    for (boxes, logits, mean) in [("dets", "labels", 123.675), ("pred_boxes", "logits", 0.0)] {
        let mut raw = [output(logits, &[1, 5, 3]), output(boxes, &[1, 5, 4])];
        raw[0].numbers.fill(-9.0);
        raw[0].numbers[3 + 2] = 1.0;
        raw[1].numbers[4..8].copy_from_slice(&[0.5, 0.25, 0.25, 0.5]);
        let (head, found) = read(&raw, None, 0, ALL);
        assert_eq!((head.family(), head.feeding().mean[0]), (Family::Detr, mean));
        assert_box(&found, [24.0, 0.0, 16.0, 32.0], 2, 0.731_059);
    }
}

#[test]
fn a_sieve_keeps_wanted_classes_and_scores() {
    let mut rows = output("output0", &[1, 300, 6]);
    for (row, (score, class)) in [(0.9, 0.0), (0.8, 1.0), (0.2, 1.0)].into_iter().enumerate() {
        rows.numbers[row * 6..row * 6 + 6].copy_from_slice(&[0.0, 0.0, 9.0, 9.0, score, class]);
    }
    let sieve = Sieve { min_score: 0.3, classes: Some(&[false, true]) };
    let (_, found) = read(&[rows], None, 0, sieve);
    assert_box(&found, [0.0, 0.0, 9.0, 9.0], 1, 0.8);
}

#[test]
fn a_card_decides_between_families_of_equal_extents() {
    // 28 + 5 columns, or 1 + 32.
    let shape = [OutputShape { name: "output".to_owned(), shape: vec![1, 84, 33] }];
    let recognise = |family| Head::recognise(family, SIZE, &shape).map(|h| h.family());
    assert_eq!(recognise(None), Some(Family::Yolox));
    assert_eq!(recognise(Some(Family::Nanodet)), Some(Family::Nanodet));
    assert_eq!(recognise(Some(Family::Detr)), None);
}

#[test]
fn outputs_of_other_extents_than_recognised_are_refused() {
    let head = Head::Yolox(yolox::Yolox { classes: 3 });
    let numbers = [0.0; 80];
    let short = Tensor { name: "o", shape: &[1, 10, 8], numbers: Numbers::F32(&numbers) };
    let mut found = Vec::new();
    assert_eq!(head.decode(SIZE, &[short], 0, ALL, &mut found), None);
    assert_eq!(head.decode(SIZE, &[], 0, ALL, &mut found), None);
}

proptest! {
    #[test]
    fn strange_shapes_and_numbers_never_panic(
        shapes in prop::collection::vec(prop::collection::vec(0usize..90, 0..4), 0..7),
        value in any::<f32>(),
        item in 0usize..3,
    ) {
        let names = ["labels", "boxes", "scores", "dets", "logits", "pred_boxes", "num"];
        let numbers = vec![value; 90 * 90 * 90];
        let outputs: Vec<OutputShape> = shapes.iter().zip(names)
            .map(|(shape, name)| OutputShape { name: name.to_owned(), shape: shape.clone() })
            .collect();
        let tensors: Vec<Tensor<'_>> = outputs.iter()
            .map(|o| Tensor {
                name: &o.name,
                shape: &o.shape,
                numbers: Numbers::F32(&numbers[..o.shape.iter().product()]),
            })
            .collect();
        for family in Family::ALL {
            if let Some(head) = Head::recognise(Some(family), SIZE, &outputs) {
                let mut found = Vec::new();
                // Refusing is fine, and so is reading nonsense; crashing is not.
                let read = head.decode(SIZE, &tensors, item, ALL, &mut found);
                prop_assert!(read.is_some() || item > 0 || found.is_empty());
            }
        }
    }
}
