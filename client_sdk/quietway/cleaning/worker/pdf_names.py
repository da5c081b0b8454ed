"""The names of a PDF's entries that may cross into a new one.

Spec: docs/spec/cleaning.md, "PDF". Source: ISO 32000-2, chapters 8 and 9.
"""

from __future__ import annotations

from typing import Final

_SHARED: Final = """
Font XObject ExtGState ColorSpace Pattern Shading Resources Type Subtype BBox Matrix
"""
_FONTS: Final = """
BaseFont FirstChar LastChar Widths FontDescriptor Encoding BaseEncoding Differences ToUnicode
DescendantFonts CIDSystemInfo Registry Ordering Supplement DW W DW2 W2 CIDToGIDMap FontBBox
FontMatrix CharProcs FontName FontFamily FontStretch FontWeight Flags ItalicAngle Ascent Descent
Leading CapHeight XHeight StemV StemH AvgWidth MaxWidth MissingWidth FontFile FontFile2 FontFile3
CharSet CIDSet Length1 Length2 Length3 CMapName WMode UseCMap
"""
_PICTURES_AND_FORMS: Final = """
Width Height BitsPerComponent Decode Interpolate ImageMask Mask SMask Intent Matte SMaskInData
FormType Group S CS I K
"""
_PATTERNS_AND_FUNCTIONS: Final = """
PatternType PaintType TilingType XStep YStep ShadingType Coords Domain Function Extend Background
AntiAlias BitsPerCoordinate BitsPerFlag VerticesPerRow FunctionType Range Size BitsPerSample Order
Encode C0 C1 N Functions Bounds
"""
_STATES_AND_COLOURS: Final = """
LW LC LJ ML D RI OP op OPM BG BG2 UCR UCR2 TR TR2 FL SM SA BM CA ca AIS TK G BC WhitePoint
BlackPoint Gamma Colorants Process Components
"""
_PACKING: Final = """
Filter DecodeParms K Columns Rows BlackIs1 EncodedByteAlign EndOfLine EndOfBlock Colors Predictor
EarlyChange ColorTransform JBIG2Globals BitsPerComponent DamagedRowsBeforeError
"""
_WITHIN: Final = """
BPC BitsPerComponent CS ColorSpace D Decode DP DecodeParms F Filter H Height IM ImageMask I
Interpolate W Width
"""
_STREAMS: Final = """
FontFile FontFile2 FontFile3 ToUnicode Encoding CIDSet CIDToGIDMap UseCMap Function Functions
Shading ColorSpace CS TR TR2 BG BG2 UCR UCR2
"""
_OWN: Final = "Font XObject ExtGState ColorSpace Pattern Shading CharProcs Colorants"


def _list(*words: str) -> frozenset[str]:
    return frozenset(f"/{word}" for words_of in words for word in words_of.split())


CROSS: Final = _list(
    _SHARED, _FONTS, _PICTURES_AND_FORMS, _PATTERNS_AND_FUNCTIONS, _STATES_AND_COLOURS
)
"""Of everything that pages are drawn with."""
OF_PACKING: Final = _list(_PACKING)
"""Of how a picture's pixels are packed."""
OF_PICTURES_WITHIN: Final = _list(_WITHIN)
"""Of a picture that stands within the content."""
OF_STREAMS: Final = _list(_STREAMS)
"""Under which streams stand that are neither pictures nor content."""
NAMED_BY_PAGES: Final = _list(_OWN)
"""Whose own entries have names of the page's."""
OF_ONE: Final = " of one"
"""Behind such a name: where one of its entries stands."""
