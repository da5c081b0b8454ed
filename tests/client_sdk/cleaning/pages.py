"""PDFs as they come from offices and scanners: with everything in them that no page shows."""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING

from tests.client_sdk.cleaning.photographs import draw_scene, take

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTENT = b"""% secret-remark
/Span <</ActualText (secret-actual)>> BDC
BT /F1 12 Tf 40 700 Td (Dear colleague) Tj ET
EMC
BT /F1 12 Tf 3 Tr 40 660 Td (secret-layer of a scan) Tj ET
q BT 0 Tr /F1 12 Tf 40 640 Td (She is well) Tj ET Q
/OC /Off BDC BT 0 Tr /F1 12 Tf 40 620 Td (secret-draft) Tj ET 0 0 9 9 re f EMC
/OC /On BDC BT 0 Tr /F1 12 Tf 40 600 Td (On a layer) Tj ET EMC
q 100 0 0 60 40 500 cm /Im1 Do Q
/HiddenForm Do
"""
SHOWN = ("Dear colleague", "She is well", "On a layer", "Written into a field", "Drawn note")


def stream(content: bytes, entries: str = "") -> bytes:
    """Write a stream."""
    head = f"<<{entries} /Length {len(content)}>>\nstream\n".encode()
    return head + content + b"\nendstream"


def write_pdf(
    objects: Mapping[int, bytes], trailer: str = "/Root 1 0 R", before: bytes = b""
) -> bytes:
    """Write a PDF of numbered objects; after another one, as an incremental update."""
    out = io.BytesIO()
    out.write(before or b"%PDF-1.7\n")
    places = {}
    for number, body in objects.items():
        places[number] = out.tell()
        out.write(b"%d 0 obj\n" % number + body + b"\nendobj\n")
    table = out.tell()
    out.write(b"xref\n0 1\n0000000000 65535 f \n")
    out.writelines(b"%d 1\n%010d 00000 n \n" % (number, at) for number, at in places.items())
    size = max(objects) + 1
    previous = f"/Prev {before.rfind(b'xref', 0, before.rfind(b'startxref'))}" if before else ""
    out.write(f"trailer\n<<{trailer} /Size {size} {previous}>>\n".encode())
    out.write(b"startxref\n%d\n%%%%EOF\n" % table)
    return out.getvalue()


def list_objects(content: bytes = CONTENT) -> dict[int, bytes]:
    """List the objects of a page with everything around it that offices leave."""
    form = "/Type /XObject /Subtype /Form /BBox [0 0 100 20] /Resources <</Font <</F1 5 0 R>>>>"
    width, height = draw_scene().size
    picture = (
        f"/Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace [/ICCBased "
        "17 0 R] /BitsPerComponent 8 /Filter /DCTDecode /Metadata 16 0 R"
    )
    return {
        1: b"<</Type /Catalog /Pages 2 0 R /Metadata 16 0 R /AcroForm <</Fields [8 0 R]>> "
        b"/OpenAction <</S /JavaScript /JS (secret-script)>> /Lang (en) /Outlines 14 0 R "
        b"/Names <</EmbeddedFiles <</Names [(secret.txt) 15 0 R]>> /JavaScript <<>>>> "
        b"/OCProperties <</OCGs [6 0 R 7 0 R] /D <</OFF [6 0 R]>>>> /PieceInfo <</A (secret)>>>>",
        2: b"<</Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 612 792]>>",
        3: b"<</Type /Page /Parent 2 0 R /Contents 4 0 R /Thumb 16 0 R /LastModified (secret) "
        b"/Annots [8 0 R 10 0 R 11 0 R 12 0 R] /Resources <</Font <</F1 5 0 R>> /XObject "
        b"<</Im1 13 0 R /HiddenForm 18 0 R>> /Properties <</Off 6 0 R /On 7 0 R>>>>>>",
        4: stream(zlib.compress(content), "/Filter /FlateDecode"),
        5: b"<</Type /Font /Subtype /Type1 /BaseFont /Helvetica /SecretKey (secret-font)>>",
        6: b"<</Type /OCG /Name (secret-off)>>",
        7: b"<</Type /OCG /Name (secret-on)>>",
        8: b"<</Type /Annot /Subtype /Widget /FT /Tx /T (secret-field) /V (secret-value) "
        b"/Rect [40 400 240 440] /AP <</N 9 0 R>>>>",
        9: stream(b"BT /F1 12 Tf 2 4 Td (Written into a field) Tj ET", form),
        10: b"<</Type /Annot /Subtype /Text /Contents (secret-note) /Rect [0 0 9 9]>>",
        11: b"<</Type /Annot /Subtype /Link /Rect [0 0 9 9] /A <</URI (https://secret/)>>>>",
        12: b"<</Type /Annot /Subtype /FreeText /Contents (secret-contents) /Rect [40 300 140 320] "
        b"/AP <</N 19 0 R>>>>",
        13: stream(take("JPEG"), picture),
        14: b"<</Type /Outlines /Title (secret-outline)>>",
        15: b"<</Type /Filespec /F (secret.txt) /EF <</F 16 0 R>>>>",
        16: stream(b"<x:xmpmeta>secret-metadata</x:xmpmeta>"),
        17: stream(b"secret-profile", "/N 3"),
        18: stream(b"BT /F1 12 Tf (secret-form) Tj ET", form + " /OC 6 0 R"),
        19: stream(b"BT /F1 12 Tf 2 4 Td (Drawn note) Tj ET", form),
        20: b"<</Author (secret-author)>>",
    }


def write_office_pdf(content: bytes = CONTENT) -> bytes:
    """Write a PDF with a former version in it."""
    former = write_pdf(list_objects(b"BT /F1 12 Tf 40 700 Td (secret-former) Tj ET"))
    return write_pdf(list_objects(content), "/Root 1 0 R /Info 20 0 R /ID [<73> <74>]", former)
