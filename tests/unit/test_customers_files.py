"""What a file is by its content, and what it may be called."""

import io
import zipfile

import pytest

from callcenter.customers.files_model import LONGEST_NAME, PDF, TEXT, MacrosError, UnknownKindError, clean_name, kind_of

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def packed(*names: str) -> bytes:
    """A ZIP file with these parts."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as out:
        for name in names:
            out.writestr(name, "<x/>")
    return whole.getvalue()


@pytest.mark.parametrize(
    ("content", "ending"),
    [
        (b"%PDF-1.7\n", "pdf"),
        (b"\x89PNG\r\n\x1a\n\0\0", "png"),
        (b"\xff\xd8\xff\xe0\0", "jpg"),
        (b"GIF89a\0", "gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "webp"),
        (b"\0\0\0\x18ftypheic\0", "heic"),
        (packed("[Content_Types].xml", "word/document.xml"), "docx"),
        (packed("[Content_Types].xml", "xl/workbook.xml"), "xlsx"),
        (packed("[Content_Types].xml", "ppt/presentation.xml"), "pptx"),
        (OLE + b"\0" * 600 + "Workbook".encode("utf-16-le"), "xls"),
        (b"plain\r\n", "txt"),
        ("物业费,已付\n".encode("gb18030"), "txt"),
        ("物业费\n".encode(), "txt"),
        (b"<html><script>alert(1)</script>", "txt"),
        (b"<svg onload='alert(1)'>", "txt"),
    ],
)
def test_the_content_says_what_it_is(content: bytes, ending: str) -> None:
    assert kind_of(content).endings[0] == ending


@pytest.mark.parametrize(
    "content",
    [
        b"MZ\x90\0\x03", b"\x7fELF\x02", b"PK\x03\x04broken", packed("evil.exe"), packed("word/document.xml"),
        OLE + b"\0" * 600, b"a\0b", b"\xff\xfe<\0", bytes(range(256)), b"RIFF\0\0\0\0WAVE",
    ],
)  # fmt: skip
def test_what_is_not_kept(content: bytes) -> None:
    with pytest.raises(UnknownKindError):
        kind_of(content)


@pytest.mark.parametrize(
    "content",
    [
        packed("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"),
        OLE + "WordDocument".encode("utf-16-le") + "_VBA_PROJECT".encode("utf-16-le"),
    ],
)
def test_documents_with_macros_are_not_kept(content: bytes) -> None:
    with pytest.raises(MacrosError):
        kind_of(content)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("合同.pdf", "合同.pdf"),
        ("Scan.PDF", "Scan.PDF"),
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\Users\\li\\合同.pdf", "合同.pdf"),
        ("bill.exe", "bill.exe.pdf"),
        ("fdp.\u202eexe.pdf", "fdp.exe.pdf"),
        ("a\r\nSet-Cookie: x.pdf", "a  Set-Cookie_ x.pdf"),
        ('"><script>.pdf', "___script_.pdf"),
        ("", "file.pdf"),
        ("...", "file.pdf"),
        (".pdf", "pdf.pdf"),
        ("CON.pdf", "_CON.pdf"),
        ("con", "_con.pdf"),
    ],
)
def test_a_name_is_no_path_and_has_the_ending_of_its_kind(given: str, name: str) -> None:
    assert clean_name(given, PDF) == name


def test_a_page_is_text_and_named_so() -> None:
    assert clean_name("evil.html", TEXT) == "evil.html.txt"
    assert len(clean_name("长" * 500 + ".csv", TEXT)) == LONGEST_NAME
