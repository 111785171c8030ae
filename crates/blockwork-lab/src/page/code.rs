//! What to write in a program.

use blockwork::notation::Composition;

use super::{Chapter, card, put};
use crate::{draw::escape, results::tuning::Tuning};

/// The card, if there is anything to recommend.
pub fn write(out: &mut String, chapter: &Chapter<'_>) {
    let tuned = chapter.tuning.and_then(Tuning::best);
    let compared =
        chapter.results.filter(|results| results.gains()).and_then(|results| results.verdict.best.as_deref());
    let Some(spec) = tuned.or(compared) else { return };
    let Ok(composition) = spec.parse::<Composition>() else { return };
    card(
        out,
        "code",
        chapter,
        "The code",
        "The recommended composition as a Rust type of the library <code>blockwork</code>: the same parts, without indirect calls.",
    );
    put(
        out,
        format_args!(
            "<div class=\"code\"><button type=\"button\">Copy</button><pre><code>{}</code></pre></div></section>",
            escape(&composition.to_rust())
        ),
    );
}
