# frozen_string_literal: true

require "set"

VERSION = "1.2.0"
Point = Struct.new(:x, :y) do
  def length
    Math.sqrt(x**2 + y**2)
  end
end
Failed = Class.new(StandardError)

module Library
  MAX_LOANS = 5

  module Searchable
    def self.included(base)
      base.extend(ClassMethods)
    end

    module ClassMethods
      def search(text) = all.select { |item| item.matches?(text) }
    end

    def matches?(text)
      title.include?(text)
    end
  end

  class Item
    include Comparable
    include Searchable

    attr_reader :title, :year
    attr_accessor :shelf

    class << self
      def all
        @all ||= []
      end

      private

      def reset!
        @all = []
      end
    end

    def initialize(title, year: 2000, **rest, &block)
      @title = title
      @year = year
    end

    def <=>(other)
      title <=> other.title
    end

    def [](key)
      instance_variable_get("@#{key}")
    end

    def title=(value)
      @title = value
    end

    define_method(:loaned?) { false }

    private def secret
      helper = ->(n) { n + 1 }
      helper.call(1)
    end

    alias to_s title
  end

  class Library::Book < Item
    def initialize(title, author)
      super(title)
      @author = author
    end
  end
end

class Library::Shelf
  def self.build(*books)
    new.tap { |shelf| books.each { |book| shelf << book } }
  end
end

def main(arguments = ARGV)
  puts Library::Item.all.size
end

main if $PROGRAM_NAME == __FILE__
