"""Text from a stranger's records is shown in a report, never obeyed: no tag, no link, no picture, no command."""

import json
import shutil

import pytest

from tests.broken.test_broken_files import rnnzoo, sound

__all__ = ["sound"]

TEXT = "<script>alert(1)</script><img src=//x.example/a onerror=alert(1)>[a](http://x.example) `b` | c \x1b[31m"


@pytest.mark.usefixtures("without_figures")
def test_a_record_s_text_is_shown_and_not_obeyed(sound, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(sound, folder)
    for path in (folder / "runs").glob("*/record.json"):
        record = json.loads(path.read_text())
        record["environment"] = dict.fromkeys(record["environment"], TEXT) | {TEXT: TEXT}
        record["engine"] = TEXT
        if record["test"] is None:
            record |= {"state": "diverged", "reason": TEXT, "valid": None, "best_step": None, "stopped_at": 1}
        else:
            record["extra"] = {TEXT: 0.5}
        path.write_text(json.dumps(record))
    result = rnnzoo("report", folder / "study.toml", folder)
    assert result.exit_code == 0, result.stderr
    assert "\x1b" not in result.stderr
    page = (folder / "reports" / "tiny" / "report.html").read_text()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert "<img src=//x.example" not in page
    for text in (page, (folder / "reports" / "index.html").read_text()):
        assert 'href="http://x.example' not in text
    for name in ("tiny/report.md", "index.md"):
        text = (folder / "reports" / name).read_text()
        assert "<script>" not in text
        assert "<img" not in text
        assert "[a](http" not in text
    assert "&lt;script&gt;" in (folder / "reports" / "tiny" / "report.md").read_text()
