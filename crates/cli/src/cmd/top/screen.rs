//! How the figures look. Draws into a buffer and nowhere else, so that the same picture is a
//! screen, plain text, or what a test compares.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Row as TableRow, Table, Widget as _};

use super::board::{Board, Outlet, Row, STAGES, Sort};

/// Plain text is as wide as its longest reason, between these.
const TEXT_WIDTH: std::ops::RangeInclusive<usize> = 110..=400;

/// Columns in front of the reason, with the spaces between them.
const BEFORE_REASON: usize = 109;

/// Draws the board. `top` is the first camera that is shown.
pub(super) fn draw(board: &Board, sort: Sort, top: usize, area: Rect, buffer: &mut Buffer) {
    let outlets = board.outlets();
    let outlet_lines = u16::try_from(outlets.len()).unwrap_or(u16::MAX).min(area.height / 3);
    let [title, totals, table, below, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(2),
        Constraint::Min(2),
        Constraint::Length(outlet_lines),
        Constraint::Length(1),
    ])
    .areas(area);
    heading(board).render(title, buffer);
    for (line, row) in summary(board).into_iter().zip(totals.rows()) {
        line.render(row, buffer);
    }
    cameras(board, sort, top).render(table, buffer);
    for (outlet, row) in outlets.iter().zip(below.rows()) {
        outlet_line(outlet).render(row, buffer);
    }
    Line::from("q end   ← → order   ↑ ↓ scroll").dim().render(keys, buffer);
}

/// The same as plain text, as large as it takes.
pub(super) fn text(board: &Board) -> String {
    let rows = board.cameras(Sort::default());
    let longest = rows.iter().map(|row| row.why.chars().count()).max().unwrap_or_default();
    let width = (BEFORE_REASON + longest).clamp(*TEXT_WIDTH.start(), *TEXT_WIDTH.end());
    let outlets = board.outlets();
    let height = rows.len() + 4;
    let mut lines = Vec::with_capacity(height + outlets.len());
    let area = Rect::new(0, 0, short(width), short(height));
    let mut buffer = Buffer::empty(area);
    let [title, totals, table] =
        Layout::vertical([Constraint::Length(1), Constraint::Length(2), Constraint::Min(1)])
            .areas(area);
    heading(board).render(title, &mut buffer);
    for (line, row) in summary(board).into_iter().zip(totals.rows()) {
        line.render(row, &mut buffer);
    }
    cameras(board, Sort::default(), 0).render(table, &mut buffer);
    for row in buffer.content().chunks(width) {
        let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        lines.push(line.trim_end().to_owned());
    }
    lines.extend(outlets.iter().map(|outlet| outlet_line(outlet).to_string()));
    lines.join("\n") + "\n"
}

fn short(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

fn heading(board: &Board) -> Line<'_> {
    let mut spans = vec![Span::from("omma ").bold(), Span::from(board.address())];
    match (board.trouble(), board.is_empty()) {
        (Some(trouble), true) => spans.push(Span::from(format!("  away: {trouble}")).red()),
        (Some(trouble), false) => {
            spans.push(Span::from(format!("  away: {trouble}; these are the last figures")).red());
        }
        (None, true) => spans.push(Span::from("  asking…").dim()),
        (None, false) => {}
    }
    Line::from(spans)
}

fn summary(board: &Board) -> [Line<'static>; 2] {
    if board.is_empty() {
        return [Line::default(), Line::default()];
    }
    let totals = board.totals();
    let memory = totals.memory_bytes.map(|bytes| bytes / 1e6);
    [
        Line::from(format!(
            "{} of {} cameras online   {} people   {} fps in   {} fps analysed   {} dropped/s",
            totals.online,
            totals.cameras,
            totals.people,
            number(totals.frames_in),
            number(totals.analysed),
            number(totals.drops),
        )),
        Line::from(format!(
            "{} events/s   waiting: {} events, {} pictures   {} cores   {} MB",
            number(totals.events),
            whole(totals.waiting_events),
            whole(totals.waiting_pictures),
            totals.processor.map_or_else(|| "-".to_owned(), |cores| format!("{cores:.2}")),
            whole(memory),
        )),
    ]
}

fn cameras(board: &Board, sort: Sort, top: usize) -> Table<'static> {
    let titles = [
        ("CAMERA", Some(Sort::Name)),
        ("STATE", Some(Sort::State)),
        ("SIZE", None),
        ("FPS", Some(Sort::FramesIn)),
        ("SEEN/S", Some(Sort::Analysed)),
        ("DROP/S", Some(Sort::Drops)),
        ("PEOPLE", Some(Sort::People)),
        ("OBJ", None),
        ("DEC", None),
        ("REC", None),
        ("MS: DECODE", None),
        ("PREP", None),
        ("INFER", None),
        ("TRACK", None),
        ("WHY", None),
    ];
    let header = titles.map(|(title, by)| {
        let cell = Cell::from(title);
        if by == Some(sort) { cell.style(Modifier::UNDERLINED) } else { cell }
    });
    let widths = [16, 10, 9, 6, 6, 6, 6, 4, 3, 4, 10, 5, 5, 5].map(Constraint::Length);
    let rows = board.cameras(sort).into_iter().skip(top).map(camera);
    Table::new(rows, widths.into_iter().chain([Constraint::Min(3)]))
        .header(TableRow::new(header).bold())
        .column_spacing(1)
}

fn camera(row: Row) -> TableRow<'static> {
    let colour = match row.state.as_str() {
        "online" => Color::Green,
        "connecting" | "paused" | "ended" => Color::Yellow,
        _ => Color::Red,
    };
    let recording = match row.recording.as_deref() {
        None => "",
        Some("recording") => "yes",
        Some("failed") => "FAIL",
        Some(_) => "no",
    };
    let mut cells = vec![
        Cell::from(row.name),
        Cell::from(row.state).style(Style::new().fg(colour)),
        Cell::from(row.size.map_or_else(String::new, |(w, h)| format!("{w}x{h}"))),
        Cell::from(number(row.frames_in)),
        Cell::from(number(row.analysed)),
        Cell::from(number(row.drops)),
        Cell::from(row.people.to_string()),
        Cell::from(row.objects.to_string()),
        Cell::from(if row.decoding { "yes" } else { "no" }),
        Cell::from(recording),
    ];
    let stages: [Cell<'_>; STAGES.len()] = row.stages.map(|ms| Cell::from(number(ms)));
    cells.extend(stages);
    cells.push(Cell::from(row.why));
    TableRow::new(cells)
}

fn outlet_line(outlet: &Outlet) -> Line<'static> {
    let figures: Vec<String> = outlet
        .figures
        .iter()
        .map(|(name, value)| format!("{} {}", name.replace('_', " "), number(*value)))
        .collect();
    Line::from(format!("{} {}   {}", outlet.kind, outlet.name, figures.join("   ")))
}

/// One decimal where that says something; a dash where nothing is known.
fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value == 0.0 || value.abs() >= 1000.0 => format!("{value:.0}"),
        Some(value) => format!("{value:.1}"),
    }
}

fn whole(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0}"))
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::board::tests::sample;
    use super::*;

    /// What a screen of this size shows, line by line.
    fn screen(board: &Board, width: u16, height: u16, top: usize) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let frame = terminal
            .draw(|frame| draw(board, Sort::Name, top, frame.area(), frame.buffer_mut()))
            .unwrap();
        let rows = frame.buffer.content().chunks(usize::from(width));
        rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>()).collect()
    }

    #[test]
    fn the_screen_shows_cameras_totals_and_sinks() {
        let lines = screen(&sample(), 140, 12, 0);
        assert!(lines[0].starts_with("omma http://127.0.0.1:8080"), "{}", lines[0]);
        assert!(lines[1].starts_with("1 of 2 cameras online   3 people   "), "{}", lines[1]);
        assert!(lines[2].contains("waiting: 2 events, - pictures   0.25 cores   105 MB"));
        let door: Vec<&str> = lines[4].split_whitespace().collect();
        let wanted = "door online 1920x1080 30.0 5.0 1.0 3 4 yes yes - - 7.0 -";
        assert_eq!(door, wanted.split(' ').collect::<Vec<_>>());
        assert!(lines[5].contains("offline") && lines[5].contains("connection refused"));
        assert!(lines[10].starts_with("sink shop   sent/s 3.0   waiting 7.0"), "{}", lines[10]);
        assert!(lines[11].starts_with("q end"));
    }

    #[test]
    fn plain_text_has_all_cameras_and_no_spaces_at_the_ends() {
        let text = text(&sample());
        assert_eq!(text.lines().count(), 7, "{text}");
        assert!(text.lines().all(|line| line == line.trim_end()));
        assert!(text.contains("connection refused") && text.ends_with("waiting 7.0\n"));
    }

    #[test]
    fn scrolling_and_small_screens_break_nothing() {
        let mut board = sample();
        assert!(screen(&board, 140, 12, 1)[4].starts_with("yard"));
        for (width, height) in [(1, 1), (20, 3), (80, 4), (300, 2)] {
            assert_eq!(screen(&board, width, height, 0).len(), usize::from(height));
        }
        board.take(Err("nobody answers".to_owned()));
        assert!(screen(&board, 140, 12, 0)[0].contains("away: nobody answers; these are the last"));
        let new = Board::new("http://x".to_owned());
        assert!(screen(&new, 80, 8, 0)[0].contains("asking"));
    }
}
