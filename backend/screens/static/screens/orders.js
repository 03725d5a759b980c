/** Orders: a scan or `/` goes to the search, arrows walk the list. */

const input = document.querySelector(".order-search input");
const rows = () => Array.from(document.querySelectorAll(".order-rows a"));

// A customer's WeChat or Alipay code: it is money, so it is never sent, searched or logged.
const PAYMENT_CODE = /^(1[0-5]\d{16}|(2[5-9]|30)\d{14,22})$/;

const search = (text) => {
  if (PAYMENT_CODE.test(text.trim())) {
    input.value = "";
    input.placeholder = input.dataset.refused;
    document.getElementById("alert").textContent = input.dataset.refused;
    return;
  }
  input.value = text;
  input.form.requestSubmit ? input.form.requestSubmit() : input.form.submit();
};

document.addEventListener("till:scan", (event) => search(event.detail));
document.addEventListener("till:key", (event) => {
  const key = event.detail;
  const all = rows();
  const at = all.indexOf(document.activeElement);
  if (key === "Slash" || key === "NumpadDivide") input.focus();
  else if (key === "ArrowDown" && all.length) all[Math.min(all.length - 1, at + 1)].focus();
  else if (key === "ArrowUp" && all.length) all[Math.max(0, at - 1)].focus();
  else if ((key === "Enter" || key === "NumpadEnter") && document.activeElement === input) search(input.value);
  else if (key === "Escape" && document.activeElement === input) input.blur();
  else return;
  event.preventDefault();
});
