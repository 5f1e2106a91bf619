import { type ReactNode, useId } from "react";

import type { FieldProblem } from "../api/problem";

/** What ties an input to its label and to the problem shown below it. */
export interface InputTies {
  id: string;
  name: string;
  "data-testid": string;
  "aria-invalid": boolean;
  "aria-describedby": string | undefined;
}

interface FieldProps {
  label: string;
  name: string;
  optional?: boolean;
  problems: FieldProblem[];
  children: (ties: InputTies) => ReactNode;
}

export function Field({ label, name, optional = false, problems, children }: FieldProps) {
  const id = useId();
  const problemId = `${id}-problem`;
  const wrong = problems.filter((problem) => problem.field === name);
  const isWrong = wrong.length > 0;
  return (
    <div className="field">
      <label htmlFor={id}>
        {label}
        {optional && <span className="optional"> optional</span>}
      </label>
      {children({ id, name, "data-testid": name, "aria-invalid": isWrong, "aria-describedby": isWrong ? problemId : undefined })}
      {isWrong && (
        <p className="field-problem" id={problemId}>
          {wrong.map((problem) => problem.message).join(" ")}
        </p>
      )}
    </div>
  );
}
