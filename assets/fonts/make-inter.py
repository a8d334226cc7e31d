"""Cuts Inter down to two weights with figures of one width."""
import sys
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer
from fontTools import subset

UNICODES = "U+0020-007E,U+00A0-017F,U+0192,U+02C6-02DD,U+0370-03FF,U+0400-045F,U+2010-2027,U+2030-203A,U+2044,U+2070-209F,U+20AC,U+2113,U+2122,U+2126,U+2190-2199,U+2200-2265,U+2318,U+21E7,U+2325,U+25A0-25FF,U+2605,U+2606,U+2713,U+2717,U+FFFD"

def make(weight, name):
    font = instancer.instantiateVariableFont(TTFont(sys.argv[1]), {"wght": weight})
    gsub = font["GSUB"].table
    lookups = {index for record in gsub.FeatureList.FeatureRecord if record.FeatureTag == "tnum"
               for index in record.Feature.LookupListIndex}
    swap = {}
    for index in lookups:
        for table in gsub.LookupList.Lookup[index].SubTable:
            swap.update(getattr(getattr(table, "ExtSubTable", table), "mapping", {}))
    for table in font["cmap"].tables:
        if table.isUnicode():
            for code in list(table.cmap):
                if chr(code) in "0123456789" and table.cmap[code] in swap:
                    table.cmap[code] = swap[table.cmap[code]]
    options = subset.Options()
    options.hinting = False
    options.notdef_outline = True
    options.layout_features = ["kern"]
    options.name_IDs = ["*"]
    cut = subset.Subsetter(options)
    cut.populate(unicodes=subset.parse_unicodes(UNICODES))
    cut.subset(font)
    font.save(name)

make(450, "Inter-Text.ttf")
make(620, "Inter-Strong.ttf")
