"""The targets, one file per family; the order is that of the table."""

from neurosim.validate.rows import Target
from neurosim.validate.targets import keywords, knn, lsnn, odin, sanafe, truenorth

TARGETS: tuple[Target, ...] = (*truenorth.TARGETS, *odin.TARGETS, *knn.TARGETS, *lsnn.TARGETS, *keywords.TARGETS,
                               *sanafe.TARGETS)
