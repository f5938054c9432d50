//! Top on a terminal.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Cell, Row, Sparkline, Table};

use xdna_terminal::Exit;

use super::rows::{TITLES, cells, headline, sorted};
use super::{Looks, Sort};
use crate::ending::NOTICED;
use crate::reported::Reported;
use crate::snapshot::Snapshot;

/// Values of a sensor kept: the width of a wide terminal.
const HISTORY: usize = 400;
/// Width of a sensor's name and of its value.
const NAME: u16 = 22;
const VALUE: u16 = 10;
/// Lines that the table of processes keeps, whatever sensors there are.
const ROWS_KEPT: u16 = 8;

/// What is on the screen.
pub(super) struct State {
    now: Option<Snapshot>,
    before: Option<Snapshot>,
    history: BTreeMap<String, VecDeque<u64>>,
    sort: Sort,
    reverse: bool,
}

/// Shows what the NPU does until somebody quits, or a signal comes; the terminal is as before in either case.
pub(super) fn run(looks: &mut Looks, sort: Sort) -> anyhow::Result<Exit> {
    let mut state = State::new(sort);
    let mut terminal = ratatui::try_init()?;
    let result = (|| -> anyhow::Result<Exit> {
        while let Some(now) = looks.take()? {
            state.push(now);
            terminal.draw(|frame| state.draw(frame))?;
            loop {
                let wait = looks.due().saturating_duration_since(Instant::now());
                if event::poll(wait.min(NOTICED))? {
                    match event::read()? {
                        Event::Key(key) if key.kind == KeyEventKind::Press => {
                            if let Some(exit) = state.press(key) {
                                return Ok(exit);
                            }
                        }
                        _ => {}
                    }
                    terminal.draw(|frame| state.draw(frame))?;
                } else if wait.is_zero() || looks.is_ending() {
                    break;
                }
            }
        }
        Ok(looks.exit())
    })();
    ratatui::try_restore()?;
    result
}

impl State {
    pub(super) fn new(sort: Sort) -> Self {
        Self {
            now: None,
            before: None,
            history: BTreeMap::new(),
            sort,
            reverse: false,
        }
    }

    /// Takes a look in.
    pub(super) fn push(&mut self, now: Snapshot) {
        for reading in now.sensors.get().map(Vec::as_slice).unwrap_or_default() {
            let values = self.history.entry(reading.label.clone()).or_default();
            values.push_front(reading.value.into());
            values.truncate(HISTORY);
        }
        self.before = self.now.replace(now);
    }

    /// Obeys a key; how to end, where that is what it means.
    pub(super) fn press(&mut self, key: KeyEvent) -> Option<Exit> {
        match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                return Some(Exit::Interrupted);
            }
            KeyCode::Char('q') | KeyCode::Esc => return Some(Exit::Done),
            KeyCode::Char('s') => self.sort = Sort::Submissions,
            KeyCode::Char('c') => self.sort = Sort::Completions,
            KeyCode::Char('o') => self.sort = Sort::Outstanding,
            KeyCode::Char('n') => self.sort = Sort::Columns,
            KeyCode::Char('p') => self.sort = Sort::Process,
            KeyCode::Char('r') => self.reverse = !self.reverse,
            _ => {}
        }
        None
    }

    /// Draws everything into whatever room there is.
    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let Some(now) = &self.now else { return };
        let sensors = now.sensors.get().map_or(1, |list| list.len() as u16);
        let sensors = sensors.min(frame.area().height.saturating_sub(ROWS_KEPT + 2));
        let [head, graphs, table, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(sensors),
            Constraint::Min(0),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        let bold = Style::new().add_modifier(Modifier::REVERSED);
        frame.render_widget(Line::styled(headline(now), bold), head);
        self.sensors(now, frame, graphs);
        self.table(now, frame, table);
        let order = if self.reverse { ", turned" } else { "" };
        let keys = format!(
            "sort: {}{order}   s c o n p: what to sort by   r: turn   q: quit",
            format!("{:?}", self.sort).to_lowercase()
        );
        frame.render_widget(Line::from(keys), foot);
    }

    fn sensors(&self, now: &Snapshot, frame: &mut Frame<'_>, area: Rect) {
        let list = match &now.sensors {
            Reported::Is(list) => list,
            Reported::Missing(why) => {
                frame.render_widget(Line::from(format!("sensors: - ({why})")), area);
                return;
            }
        };
        for (line, sensor) in area.rows().zip(list) {
            let widths = [
                Constraint::Length(NAME),
                Constraint::Length(VALUE),
                Constraint::Min(0),
            ];
            let [name, value, graph] = Layout::horizontal(widths).areas(line);
            frame.render_widget(Line::from(sensor.label.as_str()), name);
            frame.render_widget(Line::from(format!("{} {}", sensor.value, sensor.unit)), value);
            let values = self.history.get(&sensor.label).into_iter().flatten().copied();
            // Percent have a scale of their own; the rest is drawn against its highest.
            let most = if sensor.unit == "%" { Some(100) } else { None };
            let newest_right: Vec<u64> = values.take(graph.width.into()).collect();
            let newest_right: Vec<u64> = newest_right.into_iter().rev().collect();
            let mut spark = Sparkline::default().data(newest_right);
            if let Some(most) = most {
                spark = spark.max(most);
            }
            frame.render_widget(spark, graph);
        }
    }

    fn table(&self, now: &Snapshot, frame: &mut Frame<'_>, area: Rect) {
        let rows = sorted(now, self.before.as_ref(), self.sort, self.reverse);
        if rows.is_empty() {
            frame.render_widget(Line::from("no process has a hardware context"), area);
            return;
        }
        let widths = [20, 7, 7, 6, 11, 11, 11].map(Constraint::Length);
        let rows = rows.iter().map(|row| Row::new(cells(row).map(Cell::from)));
        let header = Row::new(TITLES).style(Style::new().add_modifier(Modifier::BOLD));
        frame.render_widget(Table::new(rows, widths).header(header), area);
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::snapshot::tests::pair;

    fn screen(width: u16, height: u16, state: &State) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| state.draw(frame)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let lines = buffer.content().chunks(width.into()).map(|cells| {
            let line: String = cells.iter().map(|cell| cell.symbol()).collect();
            line.trim_end().to_owned() + "\n"
        });
        lines.collect()
    }

    #[test]
    fn it_fits_80_by_24() {
        let mut state = State::new(Sort::Submissions);
        pair().into_iter().for_each(|moment| state.push(moment));
        let text = screen(80, 24, &state);
        insta::assert_snapshot!("top-80x24", text);
        // The page for users shows it, too.
        let page = include_str!("../../../../docs/diagnose.md");
        assert!(page.contains(text.trim_end()), "{text}");
    }

    #[test]
    fn keys_sort_turn_and_quit() {
        let mut state = State::new(Sort::Submissions);
        pair().into_iter().for_each(|moment| state.push(moment));
        let key = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE);
        let first = |state: &State| screen(80, 24, state).lines().nth(4).unwrap().to_owned();
        assert!(first(&state).starts_with("program-11"), "{}", first(&state));
        assert_eq!(state.press(key('o')), None);
        assert!(first(&state).starts_with("program-10"), "{}", first(&state));
        assert_eq!(state.press(key('r')), None);
        assert!(first(&state).starts_with("program-11"), "{}", first(&state));
        assert!(screen(80, 24, &state).contains("sort: outstanding, turned"));
        assert_eq!(state.press(key('q')), Some(Exit::Done));
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(state.press(interrupt), Some(Exit::Interrupted));
        let escape = KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE);
        assert_eq!(state.press(escape), Some(Exit::Done));
    }

    #[test]
    fn no_size_is_too_small() {
        let mut state = State::new(Sort::Process);
        pair().into_iter().for_each(|moment| state.push(moment));
        for (width, height) in [(1, 1), (10, 3), (300, 5), (20, 60)] {
            assert_eq!(screen(width, height, &state).lines().count(), usize::from(height));
        }
    }
}
