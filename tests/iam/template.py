"""Resolves the CloudFormation template for given parameters: the functions that it uses, and no others.

moto would create the stack, but it doesn't know pod identity associations, and no partition but aws.
"""

import re

from cfnlint.decode import decode

from documents import IAM, VALUES

NO_VALUE = object()


class Refused(Exception):
    """An assertion of the template's rules, or the pattern of a parameter."""


class Stack:
    def __init__(self, parameters, partition="aws"):
        self.template, problems = decode(str(IAM / "cloudformation.yaml"))
        assert not problems, problems
        self.values = {
            "AWS::AccountId": VALUES["AWS_ACCOUNT_ID"],
            "AWS::NoValue": NO_VALUE,
            "AWS::Partition": partition,
        }
        unknown = set(parameters) - set(self.template["Parameters"])
        assert not unknown, unknown
        for name, declared in self.template["Parameters"].items():
            value = parameters.get(name, declared.get("Default"))
            if value is None:
                raise Refused(f"{name} is missing")
            if value not in declared.get("AllowedValues", [value]):
                raise Refused(f"{name} isn't one of {declared['AllowedValues']}")
            is_list = declared["Type"] == "CommaDelimitedList"
            # CloudFormation holds each value of a list to the pattern.
            for each in value.split(",") if is_list else [str(value)]:
                if not re.fullmatch(declared.get("AllowedPattern", ".*"), each):
                    raise Refused(f"{name} isn't {declared['AllowedPattern']}")
            self.values[name] = value.split(",") if is_list else value
        for rule in self.template["Rules"].values():
            if self.holds(rule["RuleCondition"]):
                for assertion in rule["Assertions"]:
                    if not self.holds(assertion["Assert"]):
                        raise Refused(assertion["AssertDescription"])

    def holds(self, condition):
        (function, argument), = condition.items()
        match function:
            case "Condition":
                return self.holds(self.template["Conditions"][argument])
            case "Fn::Equals":
                return self.resolve(argument[0]) == self.resolve(argument[1])
            case "Fn::Not":
                return not self.holds(argument[0])
            case "Fn::And":
                return all(map(self.holds, argument))
        raise NotImplementedError(function)

    def resolve(self, node):
        if isinstance(node, list):
            return [value for member in node if (value := self.resolve(member)) is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (function, argument), = node.items()
            if function == "Ref":
                return self.values[argument]
            if function.startswith("Fn::"):
                return self.call(function, argument)
        resolved = {key: self.resolve(value) for key, value in node.items()}
        return {key: value for key, value in resolved.items() if value is not NO_VALUE}

    def call(self, function, argument):
        match function:
            case "Fn::If":
                condition, if_true, if_false = argument
                return self.resolve(if_true if self.holds({"Condition": condition}) else if_false)
            case "Fn::Join":
                return argument[0].join(self.resolve(argument[1]))
            case "Fn::Split":
                return self.resolve(argument[1]).split(argument[0])
            case "Fn::Select":
                return self.resolve(argument[1])[int(argument[0])]
            case "Fn::GetAtt":
                return ".".join(argument)
            case "Fn::Sub":
                pattern, own = (argument, {}) if isinstance(argument, str) else argument
                own = {name: self.resolve(value) for name, value in own.items()}
                return re.sub(r"\$\{([\w:]+)\}", lambda found: str((self.values | own)[found[1]]), pattern)
        raise NotImplementedError(function)

    def resource(self, name):
        """The properties of a resource, or None where its condition doesn't hold."""
        resource = self.template["Resources"][name]
        if "Condition" in resource and not self.holds({"Condition": resource["Condition"]}):
            return None
        return self.resolve(resource["Properties"])
