"""Documents as they come from offices: with authors, comments, former wordings and hidden words."""

from __future__ import annotations

import io
import zipfile

from tests.client_sdk.cleaning.photographs import take

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_NAMES = (
    f'xmlns:w="{W}" xmlns:r="{R}" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
    'xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml" '
    'xmlns:v="urn:schemas-microsoft-com:vml" xmlns:secret="urn:secret-office" '
    'mc:Ignorable="w14"'
)
_PICTURE = (
    '<w:drawing><wp:inline><wp:extent cx="914400" cy="914400"/>'
    '<wp:docPr id="1" name="secret-name" descr="secret-description"/><a:graphic><a:graphicData '
    'uri="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:pic><pic:nvPicPr>'
    '<pic:cNvPr id="1" name="secret-file.jpg"/><pic:cNvPicPr/></pic:nvPicPr><pic:blipFill>'
    '<a:blip r:embed="rId{number}"/></pic:blipFill><pic:spPr/></pic:pic></a:graphicData>'
    "</a:graphic></wp:inline></w:drawing>"
)
BODY = f"""
<w:p w:rsidR="00SECRET" w14:paraId="5ec4e700"><w:r><w:t>Dear colleague,</w:t></w:r></w:p>
<w:p><w:ins w:author="secret-author"><w:r><w:t>She is well.</w:t></w:r></w:ins>
 <w:del w:author="secret-author"><w:r><w:delText>secret-deleted</w:delText></w:r></w:del></w:p>
<w:p><w:moveFrom w:id="1"><w:r><w:t>secret-moved</w:t></w:r></w:moveFrom>
 <w:moveTo w:id="2"><w:r><w:t>Moved here.</w:t></w:r></w:moveTo></w:p>
<w:p><w:r><w:rPr><w:b/><w:rPrChange w:author="secret-author"><w:rPr/></w:rPrChange></w:rPr>
 <w:t>Bold.</w:t></w:r><w:r><w:rPr><w:vanish/></w:rPr><w:t>secret-hidden</w:t></w:r>
 <w:r><w:rPr><w:rStyle w:val="unseen"/></w:rPr><w:t>secret-styled</w:t></w:r></w:p>
<w:p><w:commentRangeStart w:id="0"/><w:r><w:t>Noted.</w:t></w:r><w:commentRangeEnd w:id="0"/>
 <w:r><w:commentReference w:id="0"/></w:r><w:bookmarkStart w:id="3" w:name="secret-mark"/></w:p>
<w:p><w:hyperlink r:id="rId7" w:tooltip="secret-tip"><w:r><w:t>Our page</w:t></w:r></w:hyperlink>
 <w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r>
 <w:instrText>INCLUDETEXT secret-path</w:instrText></w:r>
 <w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>Field result</w:t></w:r></w:p>
<w:sdt><w:sdtPr><w:alias w:val="secret-alias"/></w:sdtPr><w:sdtContent><w:p><w:r>
 <w:t>In a control</w:t></w:r></w:p></w:sdtContent></w:sdt>
<w:tbl><w:tr><w:tc><w:p><w:r><w:t>A cell</w:t></w:r></w:p></w:tc></w:tr>
 <w:tr><w:trPr><w:del w:id="9"/></w:trPr><w:tc><w:p><w:r><w:t>secret-row</w:t></w:r></w:p></w:tc>
 </w:tr></w:tbl>
<w:p><w:r>{_PICTURE.format(number=3)}</w:r><w:r>{_PICTURE.format(number=8)}</w:r></w:p>
<w:p><w:r><mc:AlternateContent><mc:Choice Requires="wps"><w:drawing><wp:inline><a:graphic>
 <a:graphicData uri="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"><wps:wsp>
 <wps:txbx><w:txbxContent><w:p><w:r><w:t>In a box</w:t></w:r></w:p></w:txbxContent></wps:txbx>
 </wps:wsp></a:graphicData></a:graphic></wp:inline></w:drawing></mc:Choice><mc:Fallback><w:pict>
 <v:shape alt="secret-alt"/></w:pict></mc:Fallback></mc:AlternateContent></w:r></w:p>
<secret:part>secret-part</secret:part><!-- secret-remark -->
<w:sectPr w:rsidR="00SECRET"><w:headerReference w:type="default" r:id="rId4"/>
 <w:footerReference w:type="default" r:id="rId99"/></w:sectPr>
"""
SHOWN = (
    "Dear colleague,",
    "She is well.",
    "Moved here.",
    "Bold.",
    "Noted.",
    "Our page",
    "Field result",
    "In a control",
    "A cell",
    "In a box",
    "Heading of each page",
)


def write_docx(body: str = BODY, more: dict[str, bytes] | None = None) -> bytes:
    """Write a DOCX with a body, and with everything around it that offices leave."""
    parts: dict[str, bytes | str] = {
        "[Content_Types].xml": '<Types xmlns="' + _PACKAGE + '/content-types"/>',
        "_rels/.rels": _relate(("officeDocument", "word/document.xml")),
        "word/document.xml": f"<w:document {_NAMES}><w:body>{body}</w:body></w:document>",
        "word/_rels/document.xml.rels": _relate(
            ("styles", "styles.xml"),
            ("comments", "comments.xml"),
            ("image", "media/secret-photo.jpg"),
            ("header", "header1.xml"),
            ("customXml", "../customXml/item1.xml"),
            ("settings", "settings.xml"),
            ("hyperlink", "https://secret.example/"),
            ("image", "https://secret.example/pixel.png"),
        ),
        "word/styles.xml": f"<w:styles {_NAMES}><w:style w:type='character' w:styleId='base'>"
        "<w:rPr><w:vanish/></w:rPr></w:style><w:style w:type='character' w:styleId='unseen'>"
        "<w:basedOn w:val='base'/></w:style></w:styles>",
        "word/comments.xml": f"<w:comments {_NAMES}><w:comment w:author='secret-author'/>"
        "</w:comments>",
        "word/header1.xml": f"<w:hdr {_NAMES}><w:p><w:r><w:t>Heading of each page</w:t></w:r></w:p>"
        "</w:hdr>",
        "word/settings.xml": f"<w:settings {_NAMES}><w:attachedTemplate r:id='rId1'/></w:settings>",
        "word/_rels/settings.xml.rels": _relate(("attachedTemplate", "https://secret.example/t")),
        "word/media/secret-photo.jpg": take("JPEG"),
        "docProps/core.xml": "<creator>secret-author</creator>",
        "docProps/thumbnail.jpeg": take("JPEG"),
        "customXml/item1.xml": "<secret/>",
        "word/embeddings/object1.bin": b"secret-object",
        **(more or {}),
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)
        package.comment = b"secret-remark"
    return out.getvalue()


def _relate(*relations: tuple[str, str]) -> str:
    lines = [
        f'<Relationship Id="rId{number}" Type="{R}/{kind}" Target="{target}" '
        f'TargetMode="{"External" if "//" in target else "Internal"}"/>'
        for number, (kind, target) in enumerate(relations, 1)
    ]
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{"".join(lines)}</Relationships>'


def unpack_docx(content: bytes) -> dict[str, bytes]:
    """Give a package's parts, as an independent reader finds them."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        return {name: package.read(name) for name in package.namelist()}
