"""The words by which clauses are told apart: abbreviations, and words that begin a sentence or join two. Pure.

Several languages in one list: none of these words is a common last word of a sentence in another.
"""

from __future__ import annotations

#: No sentence ends with these: a name or a word always follows.
TITLES = frozenset(
    """mr mrs ms mx dr prof rev gen capt lt sgt hon messrs mme mlle sra srta e.g i.e vs approx incl z.b d.h p.ej ca
    bzw""".split()
)
#: A full stop behind these ends no sentence where a number follows: "No. 5", "Jan. 4".
WITH_NUMBER = frozenset(
    """no nos nr núm num n p pp fig sec vol ch art ext tel apt est jan feb mar apr jun jul aug sep sept oct nov
    dec""".split()
)
#: It does end one where a word follows that begins sentences: "We open at 9 a.m. Please come."
OPEN_ENDED = frozenset("a.m p.m u.s u.k etc usw inc ltd co corp dept jr sr st ave blvd rd ph.d".split())
STARTERS = frozenset(
    """the a an i you we he she it they this that these there here then your our my his her its their what when where
    which who why how is are was were do does did can could will would shall should may have has please if and but so
    or also for in on at after before once thank thanks sorry yes no okay just now""".split()
)
#: Words before which a long sentence may take breath.
JOINTS = frozenset("and but because so or which while und aber oder weil dass et mais car y pero porque".split())
#: Words of a row of digits, or of a number.
NUMBER_WORDS = frozenset(
    "zero oh one two three four five six seven eight nine ten double triple hundred thousand and".split()
)
