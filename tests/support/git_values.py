"""Valid and invalid inputs for both the SQL functions and the indexer."""

from __future__ import annotations

from typing import Final

GOOD_REFS: Final = [
    "HEAD", "main", "feature/a-b_c", "v1.0", "refs/pull/1/head", "ä", "a@b", "@/x", "a{b", "a.b/c",
    "a.lockx", "中/\u0661", "a\u00a0b", "a\u3000b", "x" * 255, "ä" * 255, "0" * 40,
]  # fmt: skip
BAD_REFS: Final = [
    "", " ", "-", "--upload-pack=x", "@", "a b", "a..b", "a:b", "a^", "a~1", "a@{1}", "/a", "a/",
    "a//b", "a.lock", "a.lock/b", ".a", "a/.b", "a.", "a*", "a?", "a[b", "a\\b", "a\tb", "a\nb",
    "a\n", "a\x01b", "a\x7fb", "a\x85b", "a\u061cb", "a\u200eb", "a\u2028b", "a\u202eb",
    "a\u2066b", "x" * 256,
]  # fmt: skip

GOOD_COMMITS: Final = ["a" * 40, "A" * 40, "0123456789" * 4]
BAD_COMMITS: Final = [
    "", "a" * 39, "a" * 41, "a" * 64, "g" * 40, "a" * 40 + "\n", "\u0661" * 40, "main",
]  # fmt: skip

GOOD_URLS: Final = [
    "https://git.io/a/b", "https://git.io/a/b.git", "HTTPS://Git.IO.:8443/A/B/", "http://h/a",
    "https://h:1/a", "https://h:65535/a", "https://h//a", "https://h/a//b", "https://h/a@b.git",
    "https://h/~user/a%20b", "https://h/a;b=c,d'(e)!$&*+", "https://h/a...b", "https://h/...",
    "https://192.0.2.1/a", "https://1.2.3.4./a", "https://[2001:DB8::0:1]/a", "https://[::1].:8/a",
    "https://[::ffff:1.2.3.4]/a", "https://[1:2:3:4:5:6:7::]/a", "https://[1:2:3:4:5:6:1.2.3.4]/a",
    "https://[::2:3:4:5:6:7:8]/a", "https://1a/b", "https://a-b.c/d", "https://xn--bcher-kva.de/a",
    "https://h/" + "a" * 2038, "/srv/a", "/srv/a b@c?d#e", "/ä:b", "//a", "/a%00", "file:///srv/a",
    "FILE://localhost/a%20b", "file:///%2e%2e/a",
]  # fmt: skip
BAD_URLS: Final = [
    "", " ", "-", "--upload-pack=x", "a/b", "../a", "/", "/ a", "ext::sh -c id", "git@h:a/b",
    "ssh://h/a", "git://h/a", "https:/h/a", "https://", "https:///a", "https://h", "https://h/",
    "https://h//", " https://h/a", "https://h/a b", "https://h/ ",
    "https://h/a\n", "https://h/a\\b", "/a\\b",
    "/a\x85b", "/a\u202eb", "https://h/\u2028", "https://h/ä", "https://höst/a", "https://gіthub/a",
    "https://u:p@h/a", "https://u@h/a", "https://@h/a", "https://u:p/q@h/a", "https://h:1/a@b",
    "https://h/x:y@z", "https://h/a?b", "https://h/a?", "https://h?a", "https://h/a#b",
    "https://h:/a", "https://h:0/a", "https://h:080/a", "https://h:65536/a", "https://h:x/a",
    "https://h:999999/a", "https://-h/a", "https://h-/a", "https://a..b/a", "https://.a/b",
    "https://h_/a", "https://%31/a", "https://127.1/a", "https://2130706433/a", "https://0x7f/a",
    "https://0x7f.0.0.1/a", "https://0177.0.0.1/a", "https://1.2.3.256/a", "https://1.2.3.4../a",
    "https://a.1/b", "https://[::1/a", "https://[::1]x/a", "https://[::1%25lo]/a",
    "https://[1::2::3]/a", "https://[1.2.3.4]/a", "https://[]/a", "https://[::]a/b",
    "https://[1:2:3:4:5:6:7]/a", "https://[1:2:3:4:5:6:7:8:9]/a", "https://[::1.2.3]/a",
    "https://[::1.2.3.04]/a", "https://[1.2.3.4::]/a",
    "https://[::1.2.3.4.5]/a", "https://[:1::2]/a", "https://[1:2:3:4:5:6:7:8::]/a",
    "https://[:::1]/a", "https://[12345::]/a",
    "https://[1:2:3:4:5:6:7:1.2.3.4]/a",
    "https://h/a/../b", "https://h/..", "https://h/a/%2E%2e", "https://h/a%2f..%2fb",
    "https://h/a%0ab", "https://h/%7F", "https://h/%00", "https://h/" + "a" * 2039,
    "file://h/a", "file://", "file:///", "file:///a?b", "file:///a#b", "file:///a%0a", "file:a",
]  # fmt: skip
