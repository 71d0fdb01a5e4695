//! The pictures of docs/performance.md, as SVG.

use std::error::Error;
use std::ops::Range;
use std::path::Path;

use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::{
    ChartBuilder, IntoDrawingArea as _, IntoLogRange as _, LineSeries, PathElement, RGBColor,
    SVGBackend, SeriesLabelPosition, WHITE,
};

/// Width and height, in pixels.
const SIZE: (u32, u32) = (720, 420);

/// Colours that people with any colour vision tell apart (Okabe and Ito).
const COLOURS: [RGBColor; 3] = [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115)];

/// A named line.
pub type Line = (&'static str, Vec<(f64, f64)>);

/// What a picture says in words.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// Its heading.
    pub title: &'static str,
    /// Below the horizontal axis.
    pub x: &'static str,
    /// Beside the vertical axis.
    pub y: &'static str,
}

/// Draws lines over two logarithmic axes: what grows with a power of the size is straight there.
///
/// # Errors
/// When the file cannot be written.
pub fn log_log(file: &Path, words: Words, lines: &[Line]) -> Result<(), Box<dyn Error>> {
    let wider = |range: Range<f64>| range.start / 1.5..range.end * 1.5;
    let (x, y) = (wider(span(lines, |it| it.0)), wider(span(lines, |it| it.1)));
    draw(file, words, x.log_scale(), y.log_scale(), lines)
}

/// Draws lines over two linear axes.
///
/// # Errors
/// When the file cannot be written.
pub fn linear(file: &Path, words: Words, lines: &[Line]) -> Result<(), Box<dyn Error>> {
    draw(file, words, span(lines, |it| it.0), span(lines, |it| it.1), lines)
}

fn span(lines: &[Line], of: fn(&(f64, f64)) -> f64) -> Range<f64> {
    let values = lines.iter().flat_map(|(_, points)| points).map(of);
    let widen = |(low, high): (f64, f64), value| (low.min(value), high.max(value));
    let (low, high) = values.fold((f64::MAX, f64::MIN), widen);
    low..high
}

fn draw<X, Y>(file: &Path, words: Words, x: X, y: Y, lines: &[Line]) -> Result<(), Box<dyn Error>>
where
    X: AsRangedCoord<Value = f64>,
    Y: AsRangedCoord<Value = f64>,
    X::CoordDescType: ValueFormatter<f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(words.title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(x, y)?;
    chart.configure_mesh().x_desc(words.x).y_desc(words.y).draw()?;
    for ((name, points), colour) in lines.iter().zip(COLOURS.into_iter().cycle()) {
        let key = move |(x, y)| PathElement::new(vec![(x, y), (x + 20, y)], colour);
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour))?
            .label(*name)
            .legend(key);
    }
    let labels = &mut chart.configure_series_labels();
    let labels = labels.position(SeriesLabelPosition::LowerRight);
    labels.background_style(WHITE).border_style(COLOURS[0]).draw()?;
    area.present()?;
    Ok(())
}
