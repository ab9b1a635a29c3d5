# frozen_string_literal: true

require "did_you_mean"

module Penstock
  # Guesses what a mistyped word was meant to be.
  module Spelling
    # @param word [#to_s] what was typed.
    # @param words [Array<#to_s>] what could have been.
    # @return [String] "did you mean …? " with a blank behind it, empty where nothing comes near.
    def self.hint(word, words)
      guess = DidYouMean::SpellChecker.new(dictionary: words).correct(word).first
      guess ? "did you mean #{guess}? " : ""
    end
  end
end
