//! [`Svg`]: the few shapes that a timeline is made of, and its colours, light and dark.

use std::fmt::{self, Display, Write as _};

/// Every colour is a class, so that one file serves readers of light and of dark pages. Plain rules, no
/// variables: that is what all programs understand that show SVG.
const STYLE: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI',sans-serif;fill:#1f2328}\
.t{font-size:19px;font-weight:600}.u{font-size:14px}.n{font-size:14px;font-weight:600}\
.s{font-size:12px}.k{font-size:10px}.s,.k{fill:#59636e}.a{fill:#bc4c00;font-weight:600}\
.e{text-anchor:end}.m{text-anchor:middle}\
.paper{fill:#ffffff}.lane{fill:#f2f4f7}.glow{fill:#fff4ea}.line{stroke:#d0d7de;stroke-width:1}\
.busy{fill:#2f81f7;stroke:#2f81f7}.limit{fill:#e0661c;stroke:#e0661c}.mates{fill:#a9cdfb}\
.input{fill:#c9d1d9}.output{fill:#e3b341}.queue{fill:#8c959f;fill-opacity:.45}\
.lost{fill:#cf222e}.retried{fill:#8250df}.failed{fill:none;stroke:#cf222e;stroke-width:1.5}\
rect.busy,rect.limit,path.area{stroke:none}path.bar{fill:none}\
@media (prefers-color-scheme:dark){\
text{fill:#e6edf3}.s,.k{fill:#9198a1}.a{fill:#f0883e}\
.paper{fill:#0d1117}.lane{fill:#1a2029}.glow{fill:#2a1d13}.line{stroke:#30363d}\
.limit{fill:#f0883e;stroke:#f0883e}.mates{fill:#1f4a86}\
.input{fill:#484f58}.output{fill:#bb8009}.queue{fill:#9198a1}\
.lost{fill:#ff7b72}.retried{fill:#bc8cff}.failed{stroke:#ff7b72}}";

/// A drawing that grows.
pub(super) struct Svg {
    body: String,
}

/// A box, in pixels.
#[derive(Copy, Clone, Debug)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A length in pixels, in as few digits as a screen needs.
#[derive(Copy, Clone)]
pub(super) struct Px(pub(super) f64);

impl Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = (self.0 * 100.0).round() as i64;
        match hundredths % 100 {
            0 => write!(f, "{}", hundredths / 100),
            _ => write!(f, "{}", hundredths as f64 / 100.0),
        }
    }
}

/// Text in which nothing is markup.
struct Escaped<'t>(&'t str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                // XML has no way to write the others.
                c if c.is_control() => f.write_char(' ')?,
                '\u{fffe}' | '\u{ffff}' => f.write_char(' ')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

impl Svg {
    pub(super) fn new() -> Self {
        Self { body: String::new() }
    }

    /// Adds to the drawing; a `String` takes everything.
    fn add(&mut self, shape: fmt::Arguments<'_>) {
        let _ = self.body.write_fmt(shape);
        self.body.push('\n');
    }

    pub(super) fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        self.add(format_args!(
            r#"<text class="{class}" x="{}" y="{}">{}</text>"#,
            Px(x),
            Px(y),
            Escaped(text)
        ));
    }

    /// Text that is whole when the pointer rests on it.
    pub(super) fn text_of(&mut self, class: &str, (x, y): (f64, f64), text: &str, whole: &str) {
        self.add(format_args!(
            r#"<text class="{class}" x="{}" y="{}"><title>{}</title>{}</text>"#,
            Px(x),
            Px(y),
            Escaped(whole),
            Escaped(text)
        ));
    }

    /// A line of text with an emphasized part.
    pub(super) fn sentence(&mut self, class: &str, (x, y): (f64, f64), parts: [&str; 3]) {
        let [before, stressed, after] = parts.map(Escaped);
        self.add(format_args!(
            r#"<text class="{class}" x="{}" y="{}">{before}<tspan class="a">{stressed}</tspan>{after}</text>"#,
            Px(x),
            Px(y),
        ));
    }

    pub(super) fn rect(&mut self, class: &str, area: Area) {
        self.add(format_args!(r#"<rect class="{class}" {area}/>"#));
    }

    /// A box that says something when the pointer rests on it.
    pub(super) fn rect_of(&mut self, class: &str, area: Area, title: &str) {
        self.add(format_args!(r#"<rect class="{class}" {area}><title>{}</title></rect>"#, Escaped(title)));
    }

    pub(super) fn vertical(&mut self, class: &str, x: f64, from: f64, to: f64) {
        let (x, from, to) = (Px(x), Px(from), Px(to));
        self.add(format_args!(r#"<path class="{class}" d="M{x} {from}V{to}"/>"#));
    }

    /// An outline that is filled.
    pub(super) fn shape(&mut self, class: &str, path: &str, title: &str) {
        self.add(format_args!(
            r#"<path class="{class}" d="{path}"><title>{}</title></path>"#,
            Escaped(title)
        ));
    }

    /// Strokes as thick as bars.
    pub(super) fn bars(&mut self, class: &str, thickness: f64, opacity: f64, path: &str) {
        self.add(format_args!(
            r#"<path class="{class} bar" stroke-width="{}" stroke-opacity="{opacity}" d="{path}"/>"#,
            Px(thickness)
        ));
    }

    /// The whole file.
    pub(super) fn finish(self, title: &str, width: f64, height: f64) -> String {
        let (width, height, title) = (Px(width), Px(height), Escaped(title));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
             <rect class=\"paper\" x=\"0\" y=\"0\" width=\"{width}\" height=\"{height}\"/>\n{}</svg>\n",
            self.body
        )
    }
}

impl Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { x, y, width, height } = *self;
        write!(f, r#"x="{}" y="{}" width="{}" height="{}""#, Px(x), Px(y), Px(width), Px(height))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_never_markup() {
        let mut svg = Svg::new();
        svg.text("n", 1.0, 2.5, "<a> & \"b\"\u{1}");
        assert_eq!(svg.body, "<text class=\"n\" x=\"1\" y=\"2.5\">&lt;a&gt; &amp; &quot;b&quot; </text>\n");
    }

    #[test]
    fn lengths_have_no_more_digits_than_they_need() {
        assert_eq!(
            [0.0, 1.0, 2.5, 1.0 / 3.0, 12.999].map(|x| Px(x).to_string()),
            ["0", "1", "2.5", "0.33", "13"]
        );
    }
}
