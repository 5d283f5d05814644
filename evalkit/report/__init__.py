"""A run's three documents (verdict, samples, manifest), rendered for people and for CI. Pure: nothing is written here.

::

    html.render_html(verdict, samples, manifest) -> bytes   report.html, one file that makes no request
    markdown.render_markdown(verdict, samples) -> str       summary.md, for a job summary or a pull request
    junit.render_junit(verdict) -> bytes                    junit.xml
    table.render_csv(verdict, samples) -> str               one line a sample, for spreadsheets
    terminal.summary(verdict, color=…, width=…) -> str      what `evalkit run` prints at the end
    terminal.line(verdict) -> str                           the same in one line

The documents are the ones described in docs/files.md; a key that is absent is shown as "not measured".
"""
