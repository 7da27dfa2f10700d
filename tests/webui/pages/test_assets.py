import json
from pathlib import Path

from health_webui.pages.assets import load


def test_without_a_manifest_there_is_no_front_end(tmp_path: Path) -> None:
    assets = load(tmp_path)
    assert not assets.built
    assert not assets.files


def test_only_what_the_manifest_lists_is_served(tmp_path: Path) -> None:
    manifest = {"stamp": "x", "entry": {"main.js": "main-1.js"}, "files": ["main-1.js"]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (tmp_path / "main-1.js").write_bytes(b"1")
    (tmp_path / "main-1.js.gz").write_bytes(b"2")
    (tmp_path / "other.js").write_bytes(b"3")
    assets = load(tmp_path)
    assert assets.built
    assert set(assets.files) == {"main-1.js"}
    file = assets.files["main-1.js"]
    assert (file.content, file.gzipped, file.mime) == (b"1", b"2", "text/javascript; charset=utf-8")
