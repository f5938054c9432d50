//! Reading the simulator's trace of calls.

/// One line of a trace.
pub struct Line<'t> {
    pub thread: &'t str,
    pub client: &'t str,
    pub name: &'t str,
    /// The struct as it went in, and as it came back.
    pub input: &'t str,
    pub output: &'t str,
    pub errno: &'t str,
    /// What lay behind its pointers.
    pub behind: &'t str,
}

/// The calls of a trace.
pub fn lines(trace: &str) -> impl Iterator<Item = Line<'_>> {
    trace.lines().filter_map(|line| {
        let (thread, line) = line.strip_prefix("thread ")?.split_once(" client ")?;
        let (client, line) = line.split_once(' ')?;
        let (line, behind) = line.split_once(" behind ").unwrap_or((line, ""));
        let (name, rest) = line.split_once(' ')?;
        let (input, answer) = rest.split_once(" = ")?;
        let (errno, output) = answer.split_once(' ').unwrap_or((answer, ""));
        Some(Line {
            thread,
            client,
            name,
            input,
            output,
            errno,
            behind,
        })
    })
}

/// One call: its struct as it went in, what came back changed, and what lay behind its pointers.
pub fn call(line: Line<'_>) -> String {
    let Line { name, errno, .. } = line;
    let (input, output) = (fields(line.input), fields(line.output));
    let changed = output.iter().filter(|field| !input.contains(field));
    let errno = if errno == "0" {
        String::new()
    } else {
        format!(" = {errno}")
    };
    let arrow = if output.iter().any(|field| !input.contains(field)) {
        " ->"
    } else {
        ""
    };
    let behind = if line.behind.is_empty() { "" } else { " behind " };
    let list = |fields: &mut dyn Iterator<Item = &String>| fields.fold(String::new(), |all, f| all + " " + f);
    format!(
        "{name}{}{errno}{arrow}{}{behind}{}",
        list(&mut input.iter()),
        list(&mut changed.into_iter()),
        line.behind
    )
}

/// `name=value` of a struct's debug text.
pub fn fields(text: &str) -> Vec<String> {
    let inner = text
        .split_once("{ ")
        .map_or("", |(_, inner)| inner.trim_end_matches(" }"));
    let pairs = inner.split(", ").filter_map(|field| field.split_once(": "));
    pairs
        .map(|(name, value)| match value.parse::<u64>() {
            Ok(u64::MAX) => format!("{name}=none"),
            _ => format!("{name}={value}"),
        })
        .collect()
}
