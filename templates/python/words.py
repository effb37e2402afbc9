"""Counts the words of a text: python3 words.py < README.md"""

import re
import sys
from collections import Counter


def count_words(text):
    """Returns a Counter of the words of text, in lower case."""
    return Counter(re.findall(r"[^\W\d_]+", text.lower()))


def main():
    for word, count in count_words(sys.stdin.read()).most_common(10):
        print(f"{count:5} {word}")


if __name__ == "__main__":
    main()
