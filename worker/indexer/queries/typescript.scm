; inherits: ecmascript
(class_declaration name: (_) @name) @class
(abstract_class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @interface
(type_alias_declaration name: (_) @name) @type
(enum_declaration name: (_) @name) @enum
(internal_module name: (_) @name) @namespace
(module name: (_) @name) @namespace

(function_signature name: (_) @name) @function
(method_signature name: (_) @name) @method
(abstract_method_signature name: (_) @name) @method
(public_field_definition
  name: (_) @name
  value: [(arrow_function) (function_expression) (generator_function)]) @method

(program (ambient_declaration (lexical_declaration kind: "const"
  (variable_declarator name: (identifier) @name) @constant)))
(program (export_statement (ambient_declaration (lexical_declaration kind: "const"
  (variable_declarator name: (identifier) @name) @constant))))
