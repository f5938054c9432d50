//! Top on a terminal.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Cell, Row, Sparkline, Table};

use xdna_terminal::Exit;

use super::rows::{TITLES, cells, headline, sorted};
use super::{Looks, Sort};
use crate::reported::Reported;
use crate::snapshot::Snapshot;

/// Longest wait for a key before it is looked whether a signal came.
const GLANCE: Duration = Duration::from_millis(100);
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

/// Shows what the NPU does until somebody quits.
pub(super) fn run(looks: &mut Looks, sort: Sort) -> anyhow::Result<Exit> {
    let mut state = State::new(sort);
    // The terminal must be given back whoever ends this.
    let ended = Arc::new(AtomicUsize::new(0));
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        signal_hook::flag::register_usize(signal, Arc::clone(&ended), signal as usize)?;
    }
    let mut terminal = ratatui::try_init()?;
    let result = (|| -> anyhow::Result<Exit> {
        while let Some(now) = looks.take()? {
            state.push(now);
            loop {
                terminal.draw(|frame| state.draw(frame))?;
                let signal = ended.load(Ordering::Relaxed);
                if signal != 0 {
                    return Ok(Exit::Program(128 + signal as u8));
                }
                let wait = looks.due().saturating_duration_since(Instant::now());
                if !event::poll(wait.min(GLANCE))? {
                    if wait <= GLANCE {
                        break;
                    }
                    continue;
                }
                match event::read()? {
                    Event::Key(key) if key.kind == KeyEventKind::Press && !state.press(key) => {
                        let is_interrupt = key.modifiers.contains(KeyModifiers::CONTROL);
                        return Ok(if is_interrupt {
                            Exit::Interrupted
                        } else {
                            Exit::Done
                        });
                    }
                    _ => {}
                }
            }
        }
        Ok(Exit::Done)
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

    /// Obeys a key; false to quit.
    pub(super) fn press(&mut self, key: KeyEvent) -> bool {
        match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return false,
            KeyCode::Char('q') | KeyCode::Esc => return false,
            KeyCode::Char('s') => self.sort = Sort::Submissions,
            KeyCode::Char('c') => self.sort = Sort::Completions,
            KeyCode::Char('o') => self.sort = Sort::Outstanding,
            KeyCode::Char('n') => self.sort = Sort::Columns,
            KeyCode::Char('p') => self.sort = Sort::Process,
            KeyCode::Char('r') => self.reverse = !self.reverse,
            _ => {}
        }
        true
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
        assert!(state.press(key('o')));
        assert!(first(&state).starts_with("program-10"), "{}", first(&state));
        assert!(state.press(key('r')));
        assert!(first(&state).starts_with("program-11"), "{}", first(&state));
        assert!(screen(80, 24, &state).contains("sort: outstanding, turned"));
        assert!(!state.press(key('q')));
        assert!(!state.press(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)));
        assert!(!state.press(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE)));
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
