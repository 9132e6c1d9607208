// A drive to look at: pictures as they come, and how it ended.

const picture = document.getElementById("picture");
const words = document.getElementById("words");
const socket = new WebSocket(new URL("link", location.href.replace("http", "ws")));

function show(jpeg) {
  const before = picture.src;
  picture.src = URL.createObjectURL(jpeg);
  URL.revokeObjectURL(before);
  picture.hidden = false;
  words.textContent = "";
}

socket.onmessage = ({ data }) => {
  if (data instanceof Blob) show(data);
  else words.textContent = data;
};
socket.onclose = () => { words.textContent ||= "the link to the drive is lost"; };
