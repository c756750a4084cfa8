; inherits: c
(class_specifier name: (_) @declared body: (_)) @class
(namespace_definition name: (_) @name) @namespace
(concept_definition name: (_) @name) @concept
(alias_declaration name: (_) @name) @type

(template_declaration (declaration declarator: (_) @called) @function)
(field_declaration_list (declaration declarator: (_) @called) @function)
(field_declaration declarator: (_) @called) @method

((field_declaration
  (storage_class_specifier) @_static
  (type_qualifier) @_const
  declarator: (field_identifier) @name
  default_value: (_)) @constant
  (#eq? @_static "static") (#any-of? @_const "const" "constexpr"))
