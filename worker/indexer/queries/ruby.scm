(module name: [(constant) @name (scope_resolution name: (_) @name)]) @module
(class name: [(constant) @name (scope_resolution name: (_) @name)]) @class
(method name: (_) @name) @method
(singleton_method name: (_) @name) @method
(alias name: (_) @name) @method

((assignment left: (constant) @name right: (call receiver: (constant) @_class method: (_) @_new))
  @class
  (#any-of? @_class "Class" "Data" "Struct") (#any-of? @_new "define" "new"))
((assignment left: (constant) @name right: (call receiver: (constant) @_module method: (_) @_new))
  @module
  (#eq? @_module "Module") (#eq? @_new "new"))
(assignment left: (constant) @name) @constant

; A name may be a symbol or a string, but for one that is put together while it runs.
((call
  receiver: (self)?
  method: (identifier) @_define
  arguments: (argument_list . [
    (simple_symbol) @name
    (delimited_symbol . (string_content) @name .)
    (string . (string_content) @name .)
  ])) @method
  (#any-of? @_define "define_method" "define_singleton_method" "alias_method"))
((call
  receiver: (self)?
  method: (identifier) @_attribute
  arguments: (argument_list [
    (simple_symbol) @name @property
    (delimited_symbol . (string_content) @name .) @property
    (string . (string_content) @name .) @property
  ]))
  (#any-of? @_attribute "attr" "attr_accessor" "attr_reader" "attr_writer"))
