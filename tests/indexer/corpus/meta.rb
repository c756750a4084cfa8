module Shop
  class Shelf::Item
    attr_accessor "price", :name
    attr_reader :"old name"
    define_method("total") { }
    define_method(:count) { }
    define_method("#{prefix}_sum") { }
    self.define_singleton_method('build') { }
    alias_method "size", "count"
    def `(command); end
    def +@; end
    def []=(key, value); end
    private def hidden; end
  end
end
describe("nothing") { }
