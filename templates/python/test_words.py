import unittest

from words import count_words


class CountWords(unittest.TestCase):
    def test_case_does_not_matter(self):
        self.assertEqual(count_words("One one TWO")["one"], 2)

    def test_nothing_has_no_words(self):
        self.assertEqual(count_words(" 12, 3!"), {})


if __name__ == "__main__":
    unittest.main()
